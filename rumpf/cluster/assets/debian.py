"""Debian packages without installing them: apt fetches and verifies, then they are unpacked aside."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from rumpf.cluster.assets.store import Site, Store
from rumpf.errors import AssetError, ToolMissing

_MINUTES = 600.0
_WHERE = "packages of this machine's distribution"


def unpacked(packages: Sequence[str], site: Site) -> Path:
    """A folder with these packages, and those they need that the machine lacks, unpacked into it.

    Nothing is installed and no script of a package runs. Works without root.
    """
    tree = distribution_folder(site.store) / "+".join(sorted(packages))
    if tree.is_dir():
        return tree
    with site.store.lock(f"{tree.parent.name}-{tree.name}", site.console):
        if not tree.is_dir():
            _check_programs(packages)
            site.console.say(
                f"{', '.join(packages)}: fetching and unpacking the packages, installing nothing"
            )
            with site.store.scratch() as scratch:
                archives = _downloaded(packages, scratch, site)
                with site.store.writing():
                    _unpack(archives, scratch / "tree")
                    tree.parent.mkdir(parents=True, exist_ok=True)
                    (scratch / "tree").rename(tree)
    return tree


def program_in(tree: Path, *names: str) -> Path:
    """The first of these programs that an unpacked tree has, wherever its distribution keeps programs."""
    for name in names:
        for folder in ("usr/sbin", "usr/bin", "sbin", "bin"):
            if (tree / folder / name).exists():
                return tree / folder / name
    raise ToolMissing(
        f"the package does not have it ({tree})", where=names[0], remedy="put one on PATH by other means"
    )


def distribution_folder(store: Store) -> Path:
    """Where programs of this distribution lie in the cache: another's would not fit its libraries."""
    import platform

    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    name = f"{release.get('ID', 'linux')}-{release.get('VERSION_ID', 'rolling')}-{platform.machine()}"
    return store.root / "system" / name


_OTHER_NAMES: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        "apt-get": ("apt-get update && apt-get install", {}),
        "dnf": (
            "dnf install",
            {
                "iproute2": "iproute iproute-tc",
                "conntrack": "conntrack-tools",
                "mount": "util-linux",
                "libseccomp-dev": "libseccomp-devel",
                "libc6-dev": "glibc-devel",
                "busybox-static": "busybox",
            },
        ),
        "zypper": (
            "zypper install",
            {
                "conntrack": "conntrack-tools",
                "mount": "util-linux",
                "libseccomp-dev": "libseccomp-devel",
                "libc6-dev": "glibc-devel",
            },
        ),
        "pacman": (
            "pacman -S",
            {
                "conntrack": "conntrack-tools",
                "mount": "util-linux",
                "libseccomp-dev": "libseccomp",
                "libc6-dev": "glibc",
                "busybox-static": "busybox",
            },
        ),
        "apk": (
            "apk add",
            {"iproute2": "iproute2 iproute2-tc", "conntrack": "conntrack-tools", "libc6-dev": "musl-dev"},
        ),
    }
)
"""How each package manager installs, and where its names are not Debian's."""


def remedy(packages: Sequence[str]) -> str:
    """How a person gets these packages (in Debian's names) on this kind of machine."""
    for program, (install, other) in _OTHER_NAMES.items():
        if shutil.which(program):
            return f"{install} {' '.join(dict.fromkeys(other.get(each, each) for each in packages))}"
    return f"install what your distribution calls {', '.join(dict.fromkeys(packages))}"


def _check_programs(packages: Sequence[str]) -> None:
    if lacking := [name for name in ("apt-get", "dpkg-deb") if not shutil.which(name)]:
        raise ToolMissing(
            f"{', '.join(packages)}: not here, and cannot be unpacked without {' and '.join(lacking)}",
            where=_WHERE,
            remedy=remedy(packages),
        )


def _downloaded(packages: Sequence[str], scratch: Path, site: Site) -> list[Path]:
    archives = scratch / "archives"
    own = site.store.root / "system" / "apt"
    with site.store.writing():
        (archives / "partial").mkdir(parents=True)
        (own / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    install = ["install", "--reinstall", "--download-only", "--no-install-recommends", *packages]
    system = [f"Dir::Cache::archives={archives}"]
    # Own lists, for a machine that has none (a fresh container) or old ones; the system's are not touched.
    aside = [*system, f"Dir::State::lists={own / 'lists'}", "Acquire::GzipIndexes=true"]
    aside += ["Dir::Cache::pkgcache=", "Dir::Cache::srcpkgcache="]
    said = ""
    for place, commands in ((system, [install]), (aside, [install]), (aside, [["update"], install])):
        if len(commands) > 1:
            site.console.say("apt-get: fetching package lists into the cache")
        said = next(filter(None, (_apt(place, command) for command in commands)), "")
        if not said and all(any(archives.glob(f"{package}_*.deb")) for package in packages):
            return sorted(archives.glob("*.deb"))
    raise ToolMissing(
        f"apt-get could not get {', '.join(packages)}:\n{said or 'it named no reason'}",
        where=_WHERE,
        remedy=remedy(packages),
    )


def _apt(place: Sequence[str], command: Sequence[str]) -> str:
    """Run apt-get beside the system's own state; its last words where it failed, nothing where it did not."""
    # The lock guards installations; the sandbox user could not write into our folders.
    options = ["Debug::NoLocking=true", "APT::Sandbox::User=", "Acquire::Retries=2", *place]
    try:
        done = subprocess.run(
            ["apt-get", "-y", "-q", *(word for option in options for word in ("-o", option)), *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_MINUTES,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        return f"it did not end within {_MINUTES:.0f} seconds"
    said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-10:])
    return (said or "it failed without a word") if done.returncode else ""


def _unpack(archives: Sequence[Path], tree: Path) -> None:
    for archive in archives:
        done = subprocess.run(
            ["dpkg-deb", "--extract", archive, tree], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise AssetError(
                f"dpkg-deb cannot unpack it: {done.stderr.strip()}",
                where=archive.name,
                remedy="check the disk's free space, or install the package",
            )
