"""Lay out what a build may see: the image's folder, what it links to, and the wheels it asks for.

What differs between two checkouts of the same sources is taken from it, and nothing else gets in.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rumpf.errors import ImageError

_LEFT_BEHIND: Final = shutil.ignore_patterns(
    ".git", "__pycache__", "*.pyc", ".mypy_cache", ".pytest_cache", ".ruff_cache"
)


def lay_out(source: Path, wheels: Path | None, context: Path) -> None:
    """Copy what a build of `source` may see to `context`.

    A relative link that leads out of `source` becomes a copy of what it leads to: that is how a
    project's own folders get in. All other links stay links. Times become the epoch, modes 0755 or
    0644: engines copy both into layers. Caches stay behind.
    """
    shutil.copytree(source, context, symlinks=True, ignore=_LEFT_BEHIND)
    for link, target in tuple(_leading_out(source.resolve(), context)):
        link.unlink()
        if target.is_dir():
            shutil.copytree(target, link, symlinks=True, ignore=_LEFT_BEHIND)
        else:
            shutil.copyfile(target, link)
            shutil.copymode(target, link)
    if wheels is not None:
        if (context / "wheels").exists():
            raise ImageError(
                "the name is taken: the wheels of requirements.txt are put there",
                remedy="give the folder another name",
                where=str(source / "wheels"),
            )
        shutil.copytree(wheels, context / "wheels")
    for path in (*context.rglob("*"), context):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (0, 0), follow_symlinks=False)


def _leading_out(source: Path, context: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the links in `context` that lead out of `source`, each with what it leads to there."""
    for link in context.rglob("*"):
        if not link.is_symlink() or link.readlink().is_absolute():
            continue
        origin = source / link.relative_to(context)
        target = Path(os.path.normpath(origin.parent / link.readlink()))
        if target.is_relative_to(source):
            continue
        if not target.exists():
            raise ImageError(
                f"it leads to {target}, which is not there",
                remedy="link to what the image is to have, or remove the link",
                where=str(origin),
            )
        if source.is_relative_to(target):
            raise ImageError(
                f"it leads to {target}, which the link itself is in: there would be no end to it",
                remedy="link to the folders that the image is to have, one by one",
                where=str(origin),
            )
        yield link, target
