"""Write a container image from files, with no tool at all.

Deterministic: the same files and settings give the same bytes, whoever owns the files, whenever they
were changed. There is one layer, made in memory, so this is for images of megabytes; what needs
packages or a build goes through a Containerfile.
"""

import io
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from rumpf.errors import ImageError
from rumpf.image.archive import Content, Image, add_file, write
from rumpf.image.reference import Reference

Architecture = Literal["amd64", "arm64"]


@dataclass(frozen=True, slots=True)
class File:
    """A file: its bytes, or the path of a file on this machine that has them."""

    content: Content
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory that must be there though nothing is in it, or with another mode than 0755."""

    mode: int = 0o755


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link; the target need not exist."""

    target: str


Entry = File | Directory | Link


def write_archive(  # noqa: PLR0913  what an image can say is wide; every argument has a name
    path: Path,
    *,
    name: str,
    files: Mapping[str, Entry],
    entrypoint: Sequence[str] = (),
    cmd: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    user: str = "",
    workdir: str = "/",
    labels: Mapping[str, str] | None = None,
    architecture: Architecture | None = None,
) -> str:
    """Write the image `name` to `path` and return the digest of its manifest.

    `files` maps paths inside the image to what is there; missing parents are made, everything
    belongs to root. `architecture` is this machine's where it is not given: a statement about
    the files, which nobody checks. `path` is replaced in one step, or left as it was.
    """
    reference = Reference.parse(name)
    settings = {
        "Cmd": list(cmd),
        "Entrypoint": list(entrypoint),
        "Env": [f"{key}={value}" for key, value in sorted((env or {}).items())],
        "Labels": dict(labels or {}),
        "User": user,
        "WorkingDir": workdir,
    }
    architecture = architecture if architecture is not None else host_architecture()
    return write(path, reference, Image(architecture, settings, [layer(files, where=name)]))


def host_architecture() -> Architecture:
    """Return this machine's architecture in the words of container images."""
    match platform.machine().lower():
        case "x86_64" | "amd64":
            return "amd64"
        case "aarch64" | "arm64":
            return "arm64"
        case other:
            raise ImageError(
                f"no image can be written for a machine of type {other!r}",
                remedy="use a machine of type x86_64 or aarch64",
            )


def layer(files: Mapping[str, Entry], *, where: str) -> bytes:
    """Pack `files` as a layer, in the order of their paths; `where` names the image in errors."""
    entries: dict[str, Entry] = {}
    for path, entry in files.items():
        inside = PurePosixPath("/") / path
        if ".." in inside.parts or "\0" in path or inside == PurePosixPath("/"):
            raise ImageError(
                f"{path!r} is no path of a file inside an image",
                remedy="name it from the image's root, without '..'",
                where=where,
            )
        entries[str(inside)[1:]] = entry
    for path in tuple(entries):
        for parent in tuple(PurePosixPath(path).parents)[:-1]:
            above = entries.setdefault(str(parent), Directory())
            if not isinstance(above, Directory):
                raise ImageError(
                    f"/{path} cannot be below /{parent}, which is no directory",
                    remedy=f"make /{parent} a Directory, or move /{path}",
                    where=where,
                )
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, entry in sorted(entries.items()):
            _add(archive, path, entry)
    return out.getvalue()


def _add(archive: tarfile.TarFile, path: str, entry: Entry) -> None:
    info = tarfile.TarInfo(path)
    match entry:
        case Directory(mode):
            info.type, info.mode = tarfile.DIRTYPE, mode
            archive.addfile(info)
        case Link(target):
            info.type, info.mode, info.linkname = tarfile.SYMTYPE, 0o777, target
            archive.addfile(info)
        case File(content, mode):
            info.mode = mode
            try:
                add_file(archive, info, content)
            except OSError as error:
                raise ImageError(
                    f"{content!s} cannot be read into the image: {error.strerror}",
                    remedy="name a file that is there and readable",
                    where=f"/{path}",
                ) from error
