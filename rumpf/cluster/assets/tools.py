"""The system's own programs that a real node calls: those the machine has, and wrappers for the others.

Where a program is missing on Debian or its kin, its package is unpacked into the cache and a small script
runs it from there with its own libraries. Nothing is installed.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from rumpf.cluster.assets.debian import distribution_folder, program_in, remedy, unpacked
from rumpf.cluster.assets.store import Site, write_atomically
from rumpf.errors import ToolMissing

PACKAGES: Mapping[str, str] = MappingProxyType(
    {
        "ip": "iproute2",
        "tc": "iproute2",
        "iptables": "iptables",
        "iptables-save": "iptables",
        "iptables-restore": "iptables",
        "ip6tables": "iptables",
        "ip6tables-save": "iptables",
        "ip6tables-restore": "iptables",
        "conntrack": "conntrack",
        "mount": "mount",
        "umount": "mount",
        "nsenter": "util-linux",
    }
)
"""The Debian package of each program."""

_SYSTEM = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_A_MOMENT = 10.0


def tools(site: Site) -> Path:
    """A folder to put before the system's ones on PATH, so that all of PACKAGES is found.

    It holds only what the system's folders lack. Raises ToolMissing, with what to install, where that
    cannot be had.
    """
    system = _folders(_SYSTEM)
    absent = [program for program in PACKAGES if not shutil.which(program, path=system)]
    if not absent:
        return Path(shutil.which("ip", path=system) or _SYSTEM[0]).parent
    folder = distribution_folder(site.store) / "bin"
    lacking = [program for program in absent if not _works(folder / program)]
    elsewhere = {program: path for program in lacking if (path := shutil.which(program))}
    for program, path in elsewhere.items():
        _wrap(folder / program, Path(path), {}, site)
    if fetched := [program for program in lacking if program not in elsewhere]:
        _unpack(fetched, folder, site)
    return folder


def _unpack(programs: list[str], folder: Path, site: Site) -> None:
    packages = sorted({PACKAGES[program] for program in programs})
    site.console.say(f"not on this machine: {', '.join(programs)}")
    tree = unpacked(packages, site)
    environment = _environment(tree)
    variant = "-nft" if _nft_works(tree, environment) else "-legacy"
    for program in programs:
        target = _in_tree(tree, program, variant)
        _wrap(folder / program, target, environment, site)
        said = _run([str(folder / program), "-V"])
        if said is not None:
            (folder / program).unlink()
            raise ToolMissing(
                f"it was unpacked and does not run: {said}", where=program, remedy=remedy([PACKAGES[program]])
            )


def _works(wrapper: Path) -> bool:
    """Whether the wrapper is there, and what it runs too (its last word but the arguments)."""
    try:
        return Path(shlex.split(wrapper.read_text())[-2]).exists()
    except (OSError, ValueError, IndexError):
        return False


def _wrap(wrapper: Path, target: Path, environment: Mapping[str, str], site: Site) -> None:
    settings = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    with site.store.writing():
        write_atomically(wrapper, f'#!/bin/sh\n{settings}exec {shlex.quote(str(target))} "$@"\n', mode=0o755)


def _in_tree(tree: Path, program: str, variant: str) -> Path:
    if "tables" not in program:
        return program_in(tree, program)
    # Which iptables is the iptables is decided by a script of the package, and scripts are not run.
    family, dash, action = program.partition("-")
    return program_in(tree, f"{family}{variant}{dash}{action}", program)


def _environment(tree: Path) -> dict[str, str]:
    found = {
        "LD_LIBRARY_PATH": _folders(_libraries(tree)),
        "XTABLES_LIBDIR": _folders(str(each) for each in sorted(tree.glob("usr/lib/*/xtables"))),
        "TC_LIB_DIR": _folders(str(each) for each in sorted(tree.glob("usr/lib/**/tc"))),
    }
    return {name: value for name, value in found.items() if value}


def _libraries(tree: Path) -> Iterator[str]:
    for top in ("lib", "usr/lib"):
        for folder in sorted((tree / top).glob("*-linux-gnu*")):
            yield str(folder)


def _nft_works(tree: Path, environment: Mapping[str, str]) -> bool:
    """Whether the kernel takes rules the new way. Only root may ask; for others the answer is yes."""
    program = tree / "usr" / "sbin" / "iptables-nft"
    if os.geteuid() or not program.exists():
        return True
    return _run([str(program), "-t", "nat", "-S"], environment) is None


def _run(command: list[str], environment: Mapping[str, str] | None = None) -> str | None:
    """Run it; return its last words where it failed, None where it did not."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_A_MOMENT,
            env={**os.environ, **(environment or {})},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stdout + done.stderr).strip()[-500:] or "no word" if done.returncode else None


def _folders(folders: Iterable[str]) -> str:
    return os.pathsep.join(folders)
