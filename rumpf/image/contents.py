"""The files of an image: what is left when each layer has taken away and added what it does."""

import re
import tarfile
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path

from rumpf.image.archive import Content

Files = Mapping[str, bytes]
"""By their paths, with no slash before them. What nobody wants to read is empty."""

_AWAY, _ALL_AWAY = ".wh.", ".wh..wh..opq"
"""How a layer takes away a file or folder, and all that lower layers have in a folder."""


def files_in(layers: Iterable[Content], wanted: re.Pattern[str]) -> Files:
    """Return the files and links of an image, and the content of those whose path is wanted."""
    found: dict[str, bytes] = {}
    for layer in layers:
        gone, there = _read(layer, wanted)
        for folder in gone:
            for path in [each for each in found if each == folder or each.startswith(f"{folder}/")]:
                del found[path]
        found |= there
    return found


def _read(layer: Content, wanted: re.Pattern[str]) -> tuple[list[str], dict[str, bytes]]:
    source = BytesIO(layer) if isinstance(layer, bytes) else None
    gone: list[str] = []
    there: dict[str, bytes] = {}
    with tarfile.open(None if source else Path(str(layer)), fileobj=source) as archive:
        for member in archive:
            path = member.name.removeprefix("./").lstrip("/")
            folder, _, name = path.rpartition("/")
            if name == _ALL_AWAY:
                gone.append(folder)
            elif name.startswith(_AWAY):
                gone.append(f"{folder}/{name.removeprefix(_AWAY)}".lstrip("/"))
            elif not member.isdir():
                file = archive.extractfile(member) if member.isfile() and wanted.fullmatch(path) else None
                there[path] = file.read() if file else b""
    return gone, there
