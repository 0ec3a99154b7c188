"""The control groups of a cluster's containers: removed once nothing runs in them.

They are the one thing of a cluster that is not in its own world: the kernel has one tree of them.
"""

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_SHARED = "k8s.io"
"""containerd makes every container's group in this one, whichever cluster it is of."""


def available() -> bool:
    """Whether this machine has control groups that a node can use (version 1 or 2), and change.

    A container is often shown the machine's, to be read only.
    """
    if (_ROOT / "cgroup.controllers").exists():
        return _can_be_changed(_ROOT)
    # Of version 1 the folder itself may be read-only; each hierarchy in it is a mount of its own.
    return (_ROOT / "memory").is_dir() and _can_be_changed(_ROOT / "memory")


def _can_be_changed(folder: Path) -> bool:
    return not os.statvfs(folder).f_flag & os.ST_RDONLY


def remove(containers: Iterable[str], patience: float = 1.0) -> None:
    """Remove the groups of these containers from every hierarchy; their processes must be dead or dying."""
    names = tuple(containers)
    deadline = time.monotonic() + patience
    for shared in _hierarchies() if names else ():
        for name in names:
            while not _remove_tree(shared / name) and time.monotonic() < deadline:
                time.sleep(0.01)
        # The last one out turns off the light: it stays where anybody else's containers are.
        with contextlib.suppress(OSError):
            shared.rmdir()


def _hierarchies() -> tuple[Path, ...]:
    """The shared group in each hierarchy, once: several controllers may have the same."""
    try:
        roots = [_ROOT, *(path for path in _ROOT.iterdir() if path.is_dir())]
    except OSError:
        return ()
    found = (root.resolve() / _SHARED for root in roots)
    return tuple(path for path in dict.fromkeys(found) if path.is_dir())


def _remove_tree(group: Path) -> bool:
    # A group is a folder whose files cannot be deleted, but which itself can: innermost first.
    for folder, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(OSError):
            Path(folder).rmdir()
    return not group.exists()
