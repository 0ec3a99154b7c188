"""Single files out of a release archive; nothing else of it touches the disk."""

import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path

from rumpf.errors import DownloadFailed


def unpack(archive: Path, members: Mapping[str, str], into: Path) -> dict[str, Path]:
    """Write each member (name to its path in the archive) as a file of that name into the folder `into`."""
    wanted = {_plain(member): name for name, member in members.items()}
    found: dict[str, Path] = {}
    with tarfile.open(archive) as tar:
        for entry in tar:
            name = wanted.get(_plain(entry.name))
            content = tar.extractfile(entry) if name and entry.isfile() else None
            if name and content:
                with content, (into / name).open("wb") as file:
                    shutil.copyfileobj(content, file, 1 << 20)
                found[name] = into / name
    if lacking := sorted(members.keys() - found.keys()):
        raise DownloadFailed(
            f"the archive has no {', '.join(lacking)} in it",
            where=archive.name,
            remedy="this is a mistake in rumpf's table of releases: please report it",
        )
    return found


def _plain(member: str) -> str:
    return member.removeprefix("./")
