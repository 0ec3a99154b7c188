"""Make a base image with Python from Debian packages, for where no base image can be pulled.

The packages are unpacked, not installed: no script of theirs runs. That takes half of the time and of
the room, and the same packages give the same bytes. What such a script would have done and a Python
program needs is done here: users, name resolution, certificates, compiled modules. The image has no
documentation and no translations, and of a package manager's state only the lists of what is in it.
"""

import hashlib
import json
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rumpf.console import Console
from rumpf.errors import ImageError, ToolMissing
from rumpf.image.apt import machine_sources
from rumpf.image.oci import Directory, Entry, File, Link, host_architecture, write_archive
from rumpf.image.process import run
from rumpf.paths import images_dir

SUITE: Final = "bookworm"
PYTHON: Final = "3.11"
"""The Python of that suite."""

_PACKAGES: Final = (
    *("base-files", "base-passwd", "ca-certificates", "coreutils", "dash", "findutils", "libc-bin"),
    *("netbase", "python3", "tzdata"),
)
_LEFT_OUT: Final = (
    *("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*"),
    *("/usr/share/perl5/*", "/usr/lib/*/gconv/*"),
)
_KEPT: Final = ("/usr/share/doc/*/copyright",)

_UNCHECKED: Final = "--invalidation-mode unchecked-hash"

# $1 is the folder that becomes the image. What is in it, as scanners look for it, and which files are whose:
# dpkg, which would have written that, was not asked.
_LISTED: Final = (
    'for deb in "$1"/var/cache/apt/archives/*.deb; do'
    ' dpkg-deb --field "$deb" Package Source Version Architecture Maintainer;'
    ' echo "Status: install ok installed"; echo; done >"$1/var/lib/dpkg/status"'
)
_FILES: Final = (
    'mkdir -p "$1/var/lib/dpkg/info"; for deb in "$1"/var/cache/apt/archives/*.deb; do'
    ' dpkg-deb --fsys-tarfile "$deb" | tar --list --quoting-style=literal'
    r" | sed -nE '\#^\./usr/share/(doc|info|locale|man)/#d; s#^\.(/.*[^/])$#\1#p'"
    ' >"$1/var/lib/dpkg/info/$(dpkg-deb --field "$deb" Package).list"; done'
)
_AFTER_UNPACKING: Final = (
    'sed s,/bin/bash,/bin/sh, "$1/usr/share/base-passwd/passwd.master" >"$1/etc/passwd"',
    'cp "$1/usr/share/base-passwd/group.master" "$1/etc/group"',
    'cp "$1/usr/share/libc-bin/nsswitch.conf" "$1/etc/nsswitch.conf"',
    'cat "$1"/usr/share/ca-certificates/mozilla/*.crt >"$1/etc/ssl/certs/ca-certificates.crt"',
    _LISTED,
    _FILES,
    # A container's root is read-only: what is not compiled now is compiled at every start.
    f'PYTHONHASHSEED=0 chroot "$1" python3 -m compileall -q {_UNCHECKED} /usr/lib/python{PYTHON}',
)

# What packages bring for a machine that boots and upgrades itself, and what tells of this machine. Of a
# package manager's state there stays what is in the image, and which files are whose.
_DROPPED: Final = re.compile(
    r"(?:dev|proc|sys|run|var/cache|var/lib/apt|var/log|etc/apt|etc/dpkg|etc/cron\.daily|"
    r"etc/logrotate\.d|etc/update-motd\.d|usr/lib/systemd|lib/systemd)/.+"
    r"|var/lib/dpkg/(?!status$|info$|info/[^/]+\.list$).+"
    r"|etc/(?:hostname|resolv\.conf|fstab|machine-id)"
)


@dataclass(frozen=True, slots=True)
class Base:
    """A base image: its name, and the archive that holds it."""

    reference: str
    archive: Path


def base_image(console: Console, *, renew: bool = False) -> Base:
    """Return the base image, made on first use and then kept in the cache.

    It stays as it is until `renew` is asked for: Debian's later fixes are not in it by themselves.
    """
    key = hashlib.sha256(
        json.dumps([*_recipe(), _DROPPED.pattern, host_architecture()]).encode()
    ).hexdigest()[:12]
    reference = f"rumpf.local/debian-python:{SUITE}-{key}"
    archive = images_dir() / "bases" / f"{SUITE}-{key}.tar"
    if renew or not archive.exists():
        _make(reference, archive, console)
    return Base(reference, archive)


def _recipe() -> tuple[str, ...]:
    return (
        "--variant=extract",
        "--format=tar",
        f"--include={','.join(_PACKAGES)}",
        '--aptopt=Acquire::Languages "none"',
        *(f"--dpkgopt=path-exclude={path}" for path in _LEFT_OUT),
        *(f"--dpkgopt=path-include={path}" for path in _KEPT),
        *(f"--extract-hook={command}" for command in _AFTER_UNPACKING),
    )


def _make(reference: str, archive: Path, console: Console) -> None:
    if shutil.which("mmdebstrap") is None:
        raise ToolMissing(
            "mmdebstrap, which makes a base image from Debian packages, is not there",
            remedy="on Debian, apt-get install mmdebstrap; elsewhere make the Containerfile's BASE pullable",
            where="base image",
        )
    console.say(f"making a base image from Debian {SUITE} packages: once, about 15 s")
    with tempfile.TemporaryDirectory(prefix="rumpf-base-") as scratch:
        tree = Path(scratch, "base.tar")
        run(
            ("mmdebstrap", *_recipe(), SUITE, str(tree), *_mirrors(Path(scratch))),
            where="base image",
            remedy="see that apt-get update works here; be root, or allowed to make user namespaces",
            env={"SOURCE_DATE_EPOCH": "0", "LC_ALL": "C.UTF-8"},
        )
        with tarfile.open(tree) as unpacked:
            write_archive(
                archive,
                name=reference,
                files=dict(_entries(unpacked)),
                cmd=["python3"],
                env={
                    "LANG": "C.UTF-8",
                    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                },
            )


def _mirrors(scratch: Path) -> Sequence[str]:
    """Return where the packages come from: where this machine's own do, else as mmdebstrap sees fit."""
    sources = machine_sources(Path("/etc/apt"), SUITE)
    if not sources:
        return ()
    chosen = scratch / "machine.sources"
    chosen.write_text(sources)
    return (str(chosen),)


def _entries(unpacked: tarfile.TarFile) -> Iterator[tuple[str, Entry]]:
    for member in unpacked:
        path = member.name.removeprefix("./")
        if path in {"", "."} or _DROPPED.fullmatch(path):
            continue
        if member.isdir():
            yield path, Directory(member.mode)
        elif member.issym():
            yield path, Link(member.linkname)
        elif (file := unpacked.extractfile(member)) is not None:  # a hard link becomes a copy
            yield path, File(file.read(), member.mode)
        else:
            raise ImageError(
                f"/{path} is neither file, folder nor link",
                remedy="leave out the package that brings it",
                where="base image",
            )
