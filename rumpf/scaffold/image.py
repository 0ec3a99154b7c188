"""The image that all operators of a project are in: its folder, and how it is locked and built."""

from importlib.resources import files
from pathlib import Path
from string import Template

FOLDER = "images/operators"

_LINK, _LEADS_TO = "operators", "../../operators"
_WANTED, _PINNED = f"{FOLDER}/requirements.in", f"{FOLDER}/requirements.txt"
# -P: a wheel of rumpf that was built again has another hash, and mostly the same version.
_LOCK = f"uv pip compile --universal --python-version 3.11 --generate-hashes -P rumpf -o {_PINNED} {_WANTED}"
_BUILD = f"rumpf image build {_LINK}"
_WHEELS = "dist/wheels"
# As long as no index has rumpf: uv and pip are both shown a wheel of it.
_UNRELEASED = (
    f"pip wheel --no-deps --wheel-dir {_WHEELS} /path/to/rumpf",
    f"export UV_FIND_LINKS={_WHEELS} PIP_FIND_LINKS={_WHEELS}",
)


def write_image(root: Path) -> list[str]:
    """Write the image's folder into a project, unless it is there; return what was written, as paths in it.

    It is not locked: that takes an index.
    """
    if (root / FOLDER).exists():
        return []
    (root / FOLDER).mkdir(parents=True)
    written = {f"{FOLDER}/Containerfile": _template("Containerfile")}
    written[_WANTED] = Template(_template("requirements.in")).substitute(lock=_LOCK)
    for path, text in written.items():
        (root / path).write_text(text, encoding="utf-8")
    (root / FOLDER / _LINK).symlink_to(_LEADS_TO)
    return [*written, f"{FOLDER}/{_LINK} -> {_LEADS_TO}"]


def steps(root: Path) -> list[str]:
    """Return the commands that make the image of a project from what is there; none, if it has no image."""
    if not (root / FOLDER / "Containerfile").is_file():
        return []
    if (root / _PINNED).is_file() or not (root / _WANTED).is_file():
        return [_BUILD]
    return ["pip install uv", *_UNRELEASED, _LOCK, _BUILD]


def _template(name: str) -> str:
    return (files("rumpf.scaffold") / "templates" / f"{name}.txt").read_text(encoding="utf-8")
