"""A cluster's name belongs to whoever holds its lock, for as long as they live."""

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rumpf.cluster import ownership

HOLDER = textwrap.dedent("""
    import os, sys
    from pathlib import Path
    from rumpf.cluster import ownership

    lock = ownership.take(Path(sys.argv[1]))
    print(os.getpid() if lock is not None else "taken", flush=True)
    if sys.argv[2:] == ["child"]:
        child = os.fork()
        if child:
            print(child, flush=True)
    sys.stdin.read()
""")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a cluster that is not there yet."""
    return tmp_path / "clusters" / "one"


@contextmanager
def holder(folder: Path, *words: str) -> Generator["subprocess.Popen[str]"]:
    """Run a process that takes the name."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == str(process.pid)
        yield process
        process.kill()


def test_a_name_can_be_taken_once(folder: Path) -> None:
    with holder(folder):
        assert ownership.is_taken(folder)
        assert ownership.take(folder) is None


def test_a_name_is_free_when_its_holder_is_killed(folder: Path) -> None:
    with holder(folder) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not ownership.is_taken(folder)
        lock = ownership.take(folder)
        assert lock is not None
        ownership.give_up(folder, lock)


def test_a_name_is_held_by_the_child_too(folder: Path) -> None:
    with holder(folder, "child") as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
        process.wait()
        assert ownership.is_taken(folder)
        subprocess.run(["kill", "-KILL", str(child)], check=True)
        assert ownership.wait_until_free(folder, 5)


def test_a_name_that_is_given_up_leaves_no_file(folder: Path) -> None:
    lock = ownership.take(folder)
    assert lock is not None
    ownership.give_up(folder, lock)
    assert list(folder.parent.iterdir()) == []
    assert not ownership.is_taken(folder)


def test_a_name_that_somebody_else_has_by_now_is_not_given_up_for_them(folder: Path) -> None:
    old = ownership.take(folder)
    assert old is not None
    ownership.lock_path(folder).unlink()
    assert not ownership.holds(folder, old)
    new = ownership.take(folder)
    assert new is not None
    ownership.give_up(folder, old)
    assert ownership.is_taken(folder)
    assert ownership.holds(folder, new)
    ownership.give_up(folder, new)
    assert list(folder.parent.iterdir()) == []


def test_waiting_for_a_name_ends_in_time(folder: Path) -> None:
    with holder(folder):
        begun = time.monotonic()
        assert not ownership.wait_until_free(folder, 0.05)
        assert time.monotonic() - begun < 1


def test_whoever_only_looks_is_in_nobodys_way(folder: Path) -> None:
    """Looks from another process, without pause, while the name is taken and given up many times."""
    looker = (
        "import sys; from pathlib import Path; from rumpf.cluster import ownership\n"
        "print('looking', flush=True)\n"
        "while True: ownership.is_taken(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", looker, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(100):
            lock = ownership.take(folder)
            assert lock is not None
            ownership.give_up(folder, lock)
        process.kill()


def test_the_lock_is_its_owners_alone(folder: Path) -> None:
    with ownership.taken(folder) as lock:
        assert lock is not None
        assert ownership.lock_path(folder).stat().st_mode & 0o777 == 0o600
        assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert not ownership.lock_path(folder).exists()
