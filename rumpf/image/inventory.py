"""What is in an image: the packages of Python and Debian whose records are in it, and Pythons without one."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import Literal

from rumpf.image.archive import Content
from rumpf.image.contents import Files, files_in
from rumpf.image.leftovers import settled, state_of

_PYTHON = re.compile(r"(?:.*/)?[^/]+\.dist-info/METADATA")
_DEBIAN = re.compile(r"var/lib/dpkg/status(?:\.d/[^/]+)?")
_LIST = re.compile(r"var/lib/dpkg/info/([^/:]+)(?::[^/]+)?\.list")
_RELEASE = re.compile(r"(?:etc|usr/lib)/os-release")
_HEADER = re.compile(r"(?:.*/)?include/python3\.\d+t?/patchlevel\.h")
_WANTED = (_PYTHON, _DEBIAN, _LIST, _RELEASE, _HEADER)

_INTERPRETER = re.compile(r"(?P<prefix>.*/)?bin/python(?P<minor>3\.\d+)(?P<threads>t?)")
_VERSION = re.compile(r'^#define\s+PY_VERSION\s+"(?P<version>[^"+]+)', re.MULTILINE)
_UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, order=True, slots=True)
class Package:
    """A package: whose it is, its name and version, and its licence where it says so."""

    kind: Literal["deb", "pypi", "generic"]
    """`generic`: of no package manager, as the Python that an image's author compiled."""
    name: str
    version: str
    licence: str = ""
    architecture: str = ""
    stripped: bool = False
    """Whether its programs were taken away, and something else of it was left."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What was found in an image."""

    packages: tuple[Package, ...]
    system: str = ""
    """The distribution that the Debian packages are of: `debian-12`."""


def inventory(layers: Iterable[Content], environment: Iterable[str] = ()) -> Inventory:
    """Read the records in an image's layers; what an upper layer takes away is not there.

    A Debian package of whose programs, libraries and data no file is left is not there, though dpkg's record
    still has it: whoever makes an image deletes files, and not records. `environment`, as `NAME=value`, is
    what the image sets.
    """
    files = files_in(layers, re.compile("|".join(each.pattern for each in _WANTED)))
    debs = tuple(_debian(files))
    packages = {
        *(_of_python(text) for path, text in _texts(files, _PYTHON)),
        *debs,
        *_interpreters(files, debs, dict(each.partition("=")[::2] for each in environment)),
    }
    systems = (_system(text) for _, text in _texts(files, _RELEASE))
    return Inventory(tuple(sorted(packages)), next(filter(None, systems), ""))


def _texts(files: Files, wanted: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Yield the texts of a kind of files, each with what its pattern names of the path, or with the path."""
    for path, content in files.items():
        if found := wanted.fullmatch(path):
            yield found[wanted.groups and 1], content.decode(errors="replace")


def _of_python(text: str) -> Package:
    said = HeaderParser().parsestr(text)
    licence = said.get("License-Expression") or said.get("License") or ""
    # Some put the whole text there.
    short = licence if "\n" not in licence and licence.upper() != _UNKNOWN else ""
    return Package("pypi", _normal(said.get("Name", "")), said.get("Version", ""), short)


def _debian(files: Files) -> Iterator[Package]:
    there = settled(files)
    lists = {name: settled(text.splitlines()) for name, text in _texts(files, _LIST)}
    for _, text in _texts(files, _DEBIAN):
        for paragraph in re.split(r"\n\n+", text):
            said = HeaderParser().parsestr(paragraph)
            name, version = said.get("Package"), said.get("Version")
            state = state_of(lists.get(name or "", ()), there)
            if name and version and state != "gone":
                architecture = said.get("Architecture", "")
                yield Package("deb", name, version, "", architecture, stripped=state != "whole")


def _interpreters(files: Files, debs: Iterable[Package], environment: Mapping[str, str]) -> Iterator[Package]:
    """Yield each Python that no package brought: images called python:3.x compile their own.

    Its version is in its headers, else in PYTHON_VERSION; where neither tells, as much as its name says.
    """
    of_debian = {each.name for each in debs}
    for found in filter(None, map(_INTERPRETER.fullmatch, files)):
        prefix, minor = found["prefix"] or "", found["minor"]
        folder = f"python{minor}{found['threads']}"
        # The one of a virtual environment is but a way to another.
        complete = any(f"{prefix}lib/{folder}/os.{suffix}" in files for suffix in ("py", "pyc"))
        if not complete or (prefix in {"", "usr/"} and f"python{minor}-minimal" in of_debian):
            continue
        header = files.get(f"{prefix}include/{folder}/patchlevel.h", b"")
        said = _VERSION.search(header.decode(errors="replace"))
        version = said["version"] if said else environment.get("PYTHON_VERSION", "")
        yield Package("generic", "python", version if version.startswith(f"{minor}.") else minor, "PSF-2.0")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _system(text: str) -> str:
    said = dict(line.partition("=")[::2] for line in text.splitlines())
    parts = [said.get(key, "").strip('"') for key in ("ID", "VERSION_ID")]
    return "-".join(filter(None, parts))
