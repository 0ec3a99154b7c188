"""The control groups of a cluster's containers: removed once nothing runs in them."""

import contextlib
import os
import time
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def available() -> bool:
    """Whether this machine has control groups that a node can use (version 1 or 2)."""
    return (_ROOT / "cgroup.controllers").exists() or (_ROOT / "memory").is_dir()


def remove(name: str, patience: float = 1.0) -> None:
    """Remove the group `name` of every hierarchy; its processes must be dead or dying."""
    deadline = time.monotonic() + patience
    for group in _groups(name):
        while not _remove_tree(group) and time.monotonic() < deadline:
            time.sleep(0.01)


def left(name: str) -> tuple[Path, ...]:
    """The groups of that name that still exist."""
    return tuple(_groups(name))


def _groups(name: str) -> list[Path]:
    candidates = [_ROOT / name, *(hierarchy / name for hierarchy in _hierarchies())]
    return [path for path in dict.fromkeys(path.resolve() for path in candidates) if path.is_dir()]


def _hierarchies() -> list[Path]:
    try:
        return [path for path in _ROOT.iterdir() if path.is_dir()]
    except OSError:
        return []


def _remove_tree(group: Path) -> bool:
    # A group is a folder whose files cannot be deleted, but which itself can: innermost first.
    for folder, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(OSError):
            Path(folder).rmdir()
    return not group.exists()
