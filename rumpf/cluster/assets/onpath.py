"""Binaries that the machine already has, in RUMPF_BIN or on PATH: taken only where they fit.

A binary is asked for its version once, and again when its file changes.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from rumpf.cluster.assets.catalog import Upstream
from rumpf.cluster.assets.elf import is_static
from rumpf.cluster.assets.pins import comparable
from rumpf.cluster.assets.store import write_atomically
from rumpf.errors import UsageError

_A_MOMENT = 10.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A binary of the right name that the machine has."""

    path: Path
    version: str
    explicit: bool
    """Whether it lies in RUMPF_BIN: someone put it there for us."""
    unfit: str
    """Why it is passed over; empty where it is taken."""


def candidates(upstream: Upstream, names: Iterable[str], asked: "Asked") -> Iterator[tuple[str, Candidate]]:
    """For each name the first binary found that fits, and before it each one that is passed over."""
    places = [*((folder, True) for folder in explicit_folders()), *((each, False) for each in path_folders())]
    if upstream.together:
        yield from _all_in_one_folder(upstream, places, asked)
        return
    for name in names:
        for folder, explicit in places:
            if _is_executable(path := f"{folder}{os.sep}{name}"):
                candidate = _judged(upstream, name, Path(path), explicit=explicit, asked=asked)
                yield name, candidate
                if not candidate.unfit:
                    break


def explicit_folders() -> tuple[str, ...]:
    """The folders in RUMPF_BIN. One that does not exist is refused: it would be a typing error."""
    folders = tuple(str(Path(each).absolute()) for each in _split(os.environ.get("RUMPF_BIN", "")))
    for folder in folders:
        if not Path(folder).is_dir():
            raise UsageError(
                "there is no such folder", where=f"RUMPF_BIN={folder}", remedy="name folders that exist"
            )
    return folders


def path_folders() -> tuple[str, ...]:
    """The absolute folders on PATH that exist, each once, under whatever names it appears.

    Relative ones are ignored: they mean something else tomorrow.
    """
    folders: dict[tuple[int, int], str] = {}
    for each in _split(os.environ.get("PATH", os.defpath)):
        if each.startswith(os.sep):
            with suppress(OSError):
                there = Path(each).stat()
                folders.setdefault((there.st_dev, there.st_ino), each)
    return tuple(folders.values())


@dataclass(slots=True)
class Asked:
    """What binaries said when they were asked for their version, kept in one file."""

    file: Path
    _answers: dict[str, tuple[int, int, str]] | None = field(default=None, repr=False)

    def answer(self, path: Path, arguments: Iterable[str]) -> str:
        """What the binary prints: from the file while the binary is unchanged, else by running it."""
        there = path.stat()
        answers = self._known()
        known = answers.get(str(path))
        if known and known[:2] == (there.st_mtime_ns, there.st_size):
            return known[2]
        said = run_for_version(path, arguments)
        answers[str(path)] = (there.st_mtime_ns, there.st_size, said)
        # A cache that cannot be written costs time here, nothing else.
        with suppress(OSError):
            write_atomically(self.file, json.dumps(answers))
        return said

    def _known(self) -> dict[str, tuple[int, int, str]]:
        if self._answers is None:
            self._answers = {}
            with suppress(OSError, ValueError, TypeError, AttributeError):
                raw = cast("dict[str, tuple[int, int, str]]", json.loads(self.file.read_bytes()))
                self._answers = {
                    path: (int(at), int(size), str(said)) for path, (at, size, said) in raw.items()
                }
        return self._answers


def run_for_version(path: Path, arguments: Iterable[str]) -> str:
    """What the binary prints when asked, on either stream; empty where it cannot be run."""
    import subprocess

    try:
        done = subprocess.run(
            [path, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_A_MOMENT,
            check=False,
            # A CNI plugin tells its version only where it is not called as one.
            env={key: value for key, value in os.environ.items() if not key.startswith("CNI_")},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout[:2000].decode(errors="replace")


def version_in(said: str) -> str:
    """The version number in what a binary printed; empty where there is none."""
    import re

    for line in said.splitlines():
        # A CNI plugin of unknown version still tells which versions of the protocol it knows.
        if "protocol" not in line and (match := re.search(r"\bv?(\d+\.\d+(?:\.\d+)?[\w.+-]*)", line)):
            return match[1]
    return ""


def _all_in_one_folder(
    upstream: Upstream, places: Iterable[tuple[str, bool]], asked: Asked
) -> Iterator[tuple[str, Candidate]]:
    for folder, explicit in places:
        # Some names are common (`portmap` was a daemon once): alone they are no candidates, and not run.
        if not all(_is_executable(f"{folder}{os.sep}{name}") for name in upstream.binaries):
            continue
        found = {
            name: _judged(upstream, name, Path(folder, name), explicit=explicit, asked=asked)
            for name in upstream.binaries
        }
        unfit = next((each.unfit for each in found.values() if each.unfit), "")
        for name, each in found.items():
            yield name, Candidate(each.path, each.version, each.explicit, each.unfit or unfit)
        if not unfit:
            return


def _is_executable(path: str) -> bool:
    # One call for what is not there, and that is nearly everything; Path would cost as much again.
    return os.access(path, os.X_OK) and Path(path).is_file()


def _judged(upstream: Upstream, name: str, path: Path, *, explicit: bool, asked: Asked) -> Candidate:
    said = asked.answer(path, upstream.asks(name))
    version = version_in(said)
    return Candidate(path, version, explicit, _why_not(upstream, name, path, said))


def _why_not(upstream: Upstream, name: str, path: Path, said: str) -> str:
    version = version_in(said)
    found = comparable(version)
    if not found:
        return "it does not tell its version"
    if name in upstream.skew:
        ours = comparable(upstream.version)
        allowed = upstream.skew[name]
        if found[0] != ours[0] or abs(found[1] - ours[1]) > allowed:
            wanted = f"{ours[0]}.{ours[1]}" + (f", give or take {allowed}" if allowed else "")
            return f"it is {version}, wanted is {wanted}"
    elif found < comparable(upstream.minimum):
        return f"it is {version}, wanted is {upstream.minimum} or newer"
    if upstream.must_say and upstream.must_say not in said:
        return f"it was built without {upstream.must_say}"
    if upstream.static and not is_static(path):
        return "it is linked dynamically and would not run in an empty image"
    return ""


def _split(folders: str) -> list[str]:
    return [each for each in folders.split(os.pathsep) if each]
