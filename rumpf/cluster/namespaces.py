"""A world of its own for a cluster: processes, network and mounts that vanish with its first process.

Nothing here has a name in the machine's file system: when the last process of the world is dead,
the kernel takes away its mounts, its network and what was in it.
"""

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MS_BIND, _MS_REC, _MS_PRIVATE, _MS_SHARED = 4096, 16384, 1 << 18, 1 << 20
_MNT_DETACH = 2
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Leave the given namespaces for new ones (`os.unshare` is newer than our oldest Python)."""
    _check(_libc.unshare(flags), "unshare")


def join(file: int, flags: int) -> None:
    """Enter the namespace that `file` refers to."""
    _check(_libc.setns(file, flags), "setns")


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this process a signal when its parent dies."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies."""
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def mount(source: str, target: Path | str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Show what `source` names at `target`; the other arguments are those of the system call."""
    _check(
        _libc.mount(
            source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), data.encode()
        ),
        f"mount {target}",
    )


def unmount(target: Path | str) -> None:
    """Unmount at once; whoever still uses it keeps it until they let go."""
    _check(_libc.umount2(os.fsencode(target), _MNT_DETACH), f"unmount {target}")


def bind(source: Path | str, target: Path | str) -> None:
    """Show `source` at `target` as well."""
    mount(str(source), target, flags=_MS_BIND | _MS_REC)


def private_mounts(folder: Path, inside: Path, keep: Iterable[Path]) -> None:
    """Make this (new) mount namespace the cluster's own.

    The machine's `/run`, `/var/lib` and `/var/log` are covered by empty ones, so that nothing is
    written there; the folders in `keep` stay visible. `folder` is also seen at `inside`.
    """
    mount("none", "/", flags=_MS_REC | _MS_PRIVATE)
    # Shared among the cluster's own namespaces: volumes with mount propagation need it.
    mount("none", "/", flags=_MS_REC | _MS_SHARED)
    mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    kept = [folder, *keep]
    for covered in ("/run", "/var/lib", "/var/log"):
        _cover(Path(covered), kept)
    inside.mkdir(parents=True)
    bind(folder, inside)
    for inner, path in (("kubelet", "/var/lib/kubelet"), ("pods", "/var/log/pods")):
        (folder / inner).mkdir(exist_ok=True)
        Path(path).mkdir(parents=True)
        bind(folder / inner, path)


def pretend(settings: Mapping[str, str], folder: Path) -> None:
    """Show these kernel settings (paths below /proc/sys) with these values, and change none of them.

    For programs that insist on settings of the whole machine. `folder` is where the values are kept.
    """
    folder.mkdir()
    for setting, value in settings.items():
        stand_in = folder / setting.replace("/", ".")
        stand_in.write_text(value)
        bind(stand_in, Path("/proc/sys", setting))


def _cover(path: Path, keep: Iterable[Path]) -> None:
    if not path.is_dir():
        return
    path = path.resolve()
    with contextlib.ExitStack() as stack:
        handles: dict[Path, int] = {}
        for kept in {entry.resolve() for entry in keep}:
            if kept.is_relative_to(path) and kept != path and kept.is_dir():
                handles[kept] = os.open(kept, os.O_PATH | os.O_DIRECTORY)
                stack.callback(os.close, handles[kept])
        mount("tmpfs", path, "tmpfs", _MS_NOSUID, "mode=755")
        for kept, handle in sorted(handles.items()):
            kept.mkdir(parents=True, exist_ok=True)
            bind(f"/proc/self/fd/{handle}", kept)


def name_host(name: str) -> None:
    """Set the host name of this (new) UTS namespace."""
    socket.sethostname(name)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
