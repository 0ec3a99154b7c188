"""Who holds a cluster's name: a lock that the kernel lets go when its holders are dead.

A process id can be taken again by another process; a lock cannot lie. The file is empty and is
removed with the cluster.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

_PAUSE = 0.005


def lock_path(folder: Path) -> Path:
    """The lock that belongs to a cluster's folder."""
    return folder.with_name(folder.name + ".lock")


def take(folder: Path, patience: float = 0.1) -> int | None:
    """Take the name: the open lock, or None where somebody has it."""
    path = lock_path(folder)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    deadline = time.monotonic() + patience
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            # Who only looks whether it is taken holds it for a moment too.
            if time.monotonic() > deadline:
                return None
            time.sleep(_PAUSE)
            continue
        # The last holder may have removed the file between our open and our lock.
        if holds(folder, handle):
            return handle
        os.close(handle)


def holds(folder: Path, handle: int) -> bool:
    """Whether the lock that is open as `handle` is still the one that everybody else looks at.

    It is not where somebody deleted the file; then the name, and the folder, may be another's by now.
    """
    try:
        return os.path.samestat(lock_path(folder).stat(), os.fstat(handle))
    except (FileNotFoundError, NotADirectoryError):
        return False


def give_up(folder: Path, handle: int) -> None:
    """Let the name go, and leave no file; nobody else's file is touched."""
    if holds(folder, handle):
        lock_path(folder).unlink(missing_ok=True)
    os.close(handle)


def is_taken(folder: Path) -> bool:
    """Whether some living process holds the name."""
    try:
        handle = os.open(lock_path(folder), os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def wait_until_free(folder: Path, seconds: float) -> bool:
    """Wait for the holders to be gone; False where they are not in time."""
    deadline = time.monotonic() + seconds
    while is_taken(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


@contextlib.contextmanager
def taken(folder: Path) -> Iterator[int | None]:
    """Hold the name for the length of a block, where it is free."""
    handle = take(folder)
    try:
        yield handle
    finally:
        if handle is not None:
            give_up(folder, handle)
