"""Fills a file system with a file that nobody sees, and lets it go when standard input ends.

Run as a program inside a cluster's world, with the standard library only. The file has no name any
more, so the Pod's own files are all that it sees, and the kernel frees the space when this process ends.
"""

import contextlib
import errno
import json
import os
import sys
from pathlib import Path

_LARGEST = 2 * 2**30
_SMALLEST_PIECE = 4096
_OWN = ("/", "/run", "/var/lib", "/var/log")
"""File systems that the cluster and the machine live on."""


class Refused(Exception):
    """Why this is not a file system to fill."""


def main() -> None:
    """Fill, tell in a line of JSON how it went, and wait to be let go."""
    process, path = int(sys.argv[1]), sys.argv[2]
    forbidden = {os.stat(own).st_dev for own in _OWN} | {int(device) for device in sys.argv[3].split(",")}  # noqa: PTH116 - no Path
    mounts = Path(f"/proc/{process}/mountinfo").read_text()
    information = os.open("/proc/self/fdinfo", os.O_RDONLY | os.O_DIRECTORY)
    # From here on every path, and every link on it, means what it means to the container.
    os.chroot(f"/proc/{process}/root")
    os.chdir("/")
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        check(folder, forbidden, kind_of_mount(mounts, mount_id(folder, information)))
        name = f".rumpf-{os.getpid()}"
        file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        os.unlink(name, dir_fd=folder)
        answer: dict[str, object] = {"filled": fill(file)}
    except Refused as refusal:
        answer = {"refused": str(refusal)}
    except OSError as error:
        answer = {"refused": f"{path}: {error.strerror}"}
    print(json.dumps(answer), flush=True)  # noqa: T201 - that is how it answers
    sys.stdin.buffer.read()


def check(folder: int, forbidden: set[int], kind: str) -> None:
    """Refuse what is not a small file system of its own: filling it would harm others."""
    if kind == "overlay" or os.fstat(folder).st_dev in forbidden:
        raise Refused("it is not a file system of its own: filling it would fill the machine's disk")
    there = os.fstatvfs(folder)
    size = there.f_blocks * there.f_frsize
    if not 0 < size <= _LARGEST:
        raise Refused(
            f"its file system has {size // 2**20} MiB, and no more than {_LARGEST // 2**20} are filled"
        )


def fill(file: int) -> int:
    """Let the file grow until nothing more fits; return its size."""
    there = os.fstatvfs(file)
    size, piece = 0, max(there.f_bfree * there.f_frsize, _SMALLEST_PIECE)
    while piece >= _SMALLEST_PIECE:
        try:
            os.posix_fallocate(file, size, piece)
            size += piece
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            piece //= 2
    with contextlib.suppress(OSError):
        os.lseek(file, size, os.SEEK_SET)
        while written := os.write(file, bytes(_SMALLEST_PIECE)):
            size += written
    return size


def mount_id(folder: int, information: int) -> str:
    """Return the kernel's number of the mount that a folder is on; `information` is /proc/self/fdinfo."""
    with open(os.open(str(folder), os.O_RDONLY, dir_fd=information)) as file:  # noqa: PTH123 - no path leads there
        for line in file:
            if line.startswith("mnt_id:"):
                return line.split()[1]
    return ""


def kind_of_mount(mounts: str, number: str) -> str:
    """Return the kind of file system of a mount, from the text of a mountinfo."""
    for line in mounts.splitlines():
        if line.split(" ", 1)[0] == number:
            return line.partition(" - ")[2].split(" ")[0]
    return ""


if __name__ == "__main__":
    main()
