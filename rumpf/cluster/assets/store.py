"""The cache of binaries: what was verified once is found again by one look at its size and time.

A binary is written beside its place, hashed, and renamed into it; a stamp beside it says where it came
from. Whoever finds both finds a whole binary, whatever was killed when.
"""

import errno
import fcntl
import json
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rumpf.cluster.assets.catalog import Platform
from rumpf.console import Console
from rumpf.errors import AssetError, DiskFull

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST})


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is known of a binary in the cache."""

    version: str
    origin: str
    """How it came here, for people: `downloaded from ...`, `built with ...`."""
    sha256: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Store:
    """The folder `root`, and every rule about what lies in it. Nothing is created before it is needed."""

    root: Path

    def path(self, folder: str, name: str) -> Path:
        """Where that binary is, or will be."""
        return self.root / "bin" / folder / name

    def find(self, folder: str, name: str) -> Stamp | None:
        """The stamp of a binary that is there and has not changed since it was put there.

        A changed time alone (a cache that was copied) costs one full hash, not a new binary.
        """
        path = self.path(folder, name)
        stamp = _read(path)
        try:
            there = path.stat()
        except OSError:
            return None
        if stamp is None or there.st_size != stamp.size:
            return None
        if there.st_mtime_ns != stamp.mtime_ns:
            if sha256_of(path) != stamp.sha256:
                return None
            # In a cache that cannot be written this is found out again next time, and nothing is lost.
            with suppress(OSError):
                _write(path, replace(stamp, mtime_ns=there.st_mtime_ns))
        return stamp

    def intact(self, folder: str, name: str) -> bool:
        """Whether the binary is, byte for byte, what was installed."""
        path = self.path(folder, name)
        stamp = _read(path)
        try:
            return stamp is not None and sha256_of(path) == stamp.sha256
        except OSError:
            return False

    def remove(self, folder: str, name: str) -> None:
        """Forget that binary."""
        path = self.path(folder, name)
        with self.writing():
            _stamp_of(path).unlink(missing_ok=True)
            path.unlink(missing_ok=True)

    def install(self, folder: str, name: str, source: Path, *, version: str, origin: str) -> Path:
        """Move `source`, a file on the same disk, to its place: atomically, executable, stamped."""
        path = self.path(folder, name)
        with self.writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            source.chmod(0o755)
            there = source.stat()
            stamp = Stamp(version, origin, sha256_of(source), there.st_size, there.st_mtime_ns)
            # The old stamp goes first: a stamp never describes a file that it was not made for.
            _stamp_of(path).unlink(missing_ok=True)
            source.replace(path)
            _write(path, stamp)
        return path

    @contextmanager
    def scratch(self) -> Generator[Path]:
        """A new folder on the same disk as the binaries, deleted afterwards.

        What a killed process left is deleted by the next one: a lock on the folder tells who is alive.
        """
        import shutil
        import tempfile

        parent = self.root / "tmp"
        with self.writing():
            parent.mkdir(parents=True, exist_ok=True)
            # Held only for this moment: a folder that was made and is not locked yet looks abandoned.
            door = os.open(parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(door, fcntl.LOCK_EX)
                for each in parent.iterdir():
                    if (abandoned := _locked(each)) is not None:
                        shutil.rmtree(each, ignore_errors=True)
                        os.close(abandoned)
                folder = Path(tempfile.mkdtemp(dir=parent))
                held = _locked(folder)
            finally:
                os.close(door)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if held is not None:
                os.close(held)

    @contextmanager
    def lock(self, name: str, console: Console) -> Generator[None]:
        """Hold the lock `name`; wait for another process that has it, and say so.

        The system lets go of it when the process ends, however it ends.
        """
        with self.writing():
            (self.root / "locks").mkdir(parents=True, exist_ok=True)
            file = os.open(self.root / "locks" / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(file, 20, 0).decode(errors="replace").strip() or "unknown"
                console.say(f"{name}: another process ({holder}) is getting it; waiting for that one")
                fcntl.flock(file, fcntl.LOCK_EX)
            os.ftruncate(file, 0)
            os.pwrite(file, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(file)

    @contextmanager
    def writing(self) -> Generator[None]:
        """Turn what the system says when nothing can be written into what a person can do about it."""
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise disk_full(self.root) from error
            if error.errno in _DENIED:
                raise AssetError(
                    f"nothing can be written there ({error.strerror})",
                    where=str(self.root),
                    remedy="make the folder writable for this user, or set RUMPF_CACHE to one that is",
                ) from error
            raise


@dataclass(frozen=True, slots=True)
class Site:
    """What whoever fetches needs to know: where to, for which machine, and whom to tell."""

    store: Store
    machine: Platform
    console: Console


def disk_full(root: Path) -> DiskFull:
    """The error of a cache with no room left."""
    return DiskFull(
        "no space left on the disk",
        where=str(root),
        remedy="make room there (all binaries take 800 MB, building them 5 GB more), "
        "or set RUMPF_CACHE to a folder on another disk",
    )


def sha256_of(path: Path) -> str:
    """The sha256 of a file."""
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a small file so that no one ever reads half of it."""
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    file, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(file, "w") as content:
            content.write(text)
            os.fchmod(content.fileno(), mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the lock of this folder; None where another process has it, or it is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _stamp_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.json")


def _read(path: Path) -> Stamp | None:
    try:
        raw = json.loads(_stamp_of(path).read_bytes())
        return Stamp(
            version=str(raw["version"]),
            origin=str(raw["origin"]),
            sha256=str(raw["sha256"]),
            size=int(raw["size"]),
            mtime_ns=int(raw["mtime_ns"]),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _write(path: Path, stamp: Stamp) -> None:
    write_atomically(_stamp_of(path), json.dumps(asdict(stamp)))
