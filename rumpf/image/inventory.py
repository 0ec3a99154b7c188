"""What is in an image: the packages of Python and Debian whose own records are in its layers."""

import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from io import BytesIO
from pathlib import Path
from typing import Literal

from rumpf.image.archive import Content

_PYTHON = re.compile(r"(?:.*/)?[^/]+\.dist-info/METADATA")
_DEBIAN = re.compile(r"var/lib/dpkg/status(?:\.d/[^/]+)?")
_RELEASE = re.compile(r"(?:etc|usr/lib)/os-release")
_UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, order=True, slots=True)
class Package:
    """A package: whose it is, its name and version, and its licence where it says so."""

    kind: Literal["deb", "pypi"]
    name: str
    version: str
    licence: str = ""
    architecture: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What was found in an image."""

    packages: tuple[Package, ...]
    system: str = ""
    """The distribution that the Debian packages are of: `debian-12`."""


def inventory(layers: Iterable[Content]) -> Inventory:
    """Read the records in an image's layers; what an upper layer takes away is not there."""
    found: dict[str, bytes] = {}
    for layer in layers:
        for path, content in _records(layer):
            _lay(found, path, content)
    packages = [each for path, content in found.items() for each in _packages(path, content)]
    systems = [_system(content) for path, content in found.items() if _RELEASE.fullmatch(path)]
    return Inventory(tuple(sorted(set(packages))), next(filter(None, systems), ""))


def _records(layer: Content) -> Iterator[tuple[str, bytes | None]]:
    """Yield what a layer says of the files that matter; None for what it takes away."""
    source = BytesIO(layer) if isinstance(layer, bytes) else None
    with tarfile.open(None if source else Path(str(layer)), fileobj=source) as archive:
        for member in archive:
            path = member.name.removeprefix("./").lstrip("/")
            folder, _, name = path.rpartition("/")
            if name.startswith(".wh."):
                yield f"{folder}/{name.removeprefix('.wh.')}".lstrip("/"), None
            elif member.isfile() and any(each.fullmatch(path) for each in (_PYTHON, _DEBIAN, _RELEASE)):
                file = archive.extractfile(member)
                yield path, file.read() if file else b""


def _lay(found: dict[str, bytes], path: str, content: bytes | None) -> None:
    if content is not None:
        found[path] = content
        return
    for each in [name for name in found if name == path or name.startswith(f"{path}/")]:
        del found[each]


def _packages(path: str, content: bytes) -> Iterator[Package]:
    if _RELEASE.fullmatch(path):
        return
    text = content.decode(errors="replace")
    if _PYTHON.fullmatch(path):
        said = HeaderParser().parsestr(text)
        licence = said.get("License-Expression") or said.get("License") or ""
        # Some put the whole text there.
        short = licence if "\n" not in licence and licence.upper() != _UNKNOWN else ""
        yield Package("pypi", _normal(said.get("Name", "")), said.get("Version", ""), short)
        return
    for paragraph in re.split(r"\n\n+", text):
        said = HeaderParser().parsestr(paragraph)
        if said.get("Package") and said.get("Version"):
            yield Package("deb", said["Package"], said["Version"], "", said.get("Architecture", ""))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _system(content: bytes) -> str:
    said = dict(line.partition("=")[::2] for line in content.decode(errors="replace").splitlines())
    parts = [said.get(key, "").strip('"') for key in ("ID", "VERSION_ID")]
    return "-".join(filter(None, parts))
