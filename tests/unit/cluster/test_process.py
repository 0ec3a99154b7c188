"""One component as a process: what each order and each death makes of it."""

import errno
import os
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rumpf.cluster.plan import Component
from rumpf.cluster.process import Process, answers, describe

SLEEP = ("/bin/sleep", "1000")

KILLED_TOO_SOON = textwrap.dedent("""
    import os, signal, sys, time
    from rumpf.cluster import namespaces, process

    die_with_parent = namespaces.die_with_parent

    def late(number):
        while os.getppid() == parent:
            time.sleep(0.001)
        die_with_parent(number)

    parent = os.getpid()
    namespaces.die_with_parent = late
    os.chdir(sys.argv[1])
    process.spawn(("/bin/sh", "-c", "touch ran"), {}, 1, bound_to_parent=True)
    os.kill(parent, signal.SIGKILL)
""")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """The folder of logs."""
    return tmp_path


@pytest.fixture
def sleeper(logs: Path) -> Generator[Process]:
    """A component that does nothing for long."""
    process = Process(Component("sleeper", SLEEP), logs)
    yield process
    process.kill(hold=True)
    if process.pid is not None:
        os.waitpid(process.pid, 0)


def start(process: Process) -> int:
    process.start(bound_to_parent=True)
    assert process.pid is not None
    return process.pid


@contextmanager
def no_more_open_files() -> Generator[None]:
    """Let nothing be opened for the length of a block."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def bury(process: Process) -> None:
    assert process.pid is not None
    process.died(os.waitpid(process.pid, 0)[1])


def run(logs: Path, script: str, **env: str) -> Process:
    process = Process(Component("shell", ("/bin/sh", "-c", script), env=env), logs)
    start(process)
    bury(process)
    return process


def test_it_starts_once_and_then_runs(sleeper: Process) -> None:
    assert sleeper.due(())
    pid = start(sleeper)
    assert not sleeper.due(())
    described = sleeper.describe()
    assert (described["name"], described["state"], described["pid"]) == ("sleeper", "running", pid)
    assert (described["restarts"], described["last_exit"]) == (0, "")


def test_it_waits_for_its_phase(logs: Path) -> None:
    late = Process(Component("late", SLEEP, after="ready"), logs)
    assert not late.due({"serving"})
    assert late.due({"serving", "ready"})


def test_each_death_makes_the_pause_longer_up_to_a_limit(sleeper: Process) -> None:
    pauses: list[float] = []
    for _ in range(7):
        start(sleeper)
        sleeper.kill(hold=False)
        bury(sleeper)
        assert not sleeper.due(())
        pauses.append(sleeper.pause)
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert sleeper.describe()["restarts"] == 7
    assert sleeper.describe()["age"] == 0.0
    assert sleeper.last_exit == "killed by SIGKILL"


def test_one_that_lived_long_is_started_again_soon(sleeper: Process) -> None:
    start(sleeper)
    sleeper.pause = 5.0
    sleeper.started -= 31
    sleeper.kill(hold=False)
    bury(sleeper)
    assert sleeper.pause == 0.1


def test_one_that_is_held_stays_down_until_it_is_released(sleeper: Process) -> None:
    start(sleeper)
    sleeper.kill(hold=True)
    bury(sleeper)
    assert (sleeper.state, sleeper.restarts, sleeper.due(())) == ("held", 0, False)
    sleeper.freeze()
    assert sleeper.state == "held"
    sleeper.release()
    assert sleeper.due(())


def test_one_that_never_ran_can_be_held(sleeper: Process) -> None:
    sleeper.kill(hold=True)
    assert not sleeper.due(())


def test_one_that_is_frozen_stands_still_until_it_is_released(sleeper: Process) -> None:
    pid = start(sleeper)
    sleeper.freeze()
    assert os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])
    assert (sleeper.state, sleeper.pid) == ("frozen", pid)
    sleeper.release()
    assert os.WIFCONTINUED(os.waitpid(pid, os.WCONTINUED)[1])
    assert sleeper.state == "running"


def test_one_that_is_frozen_can_be_killed_and_starts_again(sleeper: Process) -> None:
    start(sleeper)
    sleeper.freeze()
    sleeper.kill(hold=False)
    bury(sleeper)
    assert (sleeper.state, sleeper.restarts) == ("waiting", 1)


def test_to_release_what_runs_changes_nothing(sleeper: Process) -> None:
    pid = start(sleeper)
    sleeper.release()
    assert (sleeper.state, sleeper.pid) == ("running", pid)


def test_one_that_is_held_and_released_at_once_is_not_started_beside_itself(sleeper: Process) -> None:
    start(sleeper)
    sleeper.kill(hold=True)
    sleeper.release()
    assert not sleeper.due(())


def test_one_that_is_held_and_frozen_at_once_stays_down(sleeper: Process) -> None:
    start(sleeper)
    sleeper.kill(hold=True)
    sleeper.freeze()
    bury(sleeper)
    assert sleeper.state == "held"


def test_what_it_prints_is_added_to_its_log(logs: Path) -> None:
    run(logs, "echo out; echo err >&2")
    assert run(logs, "echo again").tail() == "out\nerr\nagain\n"


def test_the_end_of_its_log_is_never_long_and_always_text(logs: Path) -> None:
    tail = run(logs, r"seq 5000; printf '\377end'").tail()
    assert len(tail) == 4096
    assert tail.endswith("5000\n\ufffdend")


def test_without_a_log_there_is_no_end_of_it(sleeper: Process) -> None:
    assert sleeper.tail() == ""


def test_it_has_the_environment_of_its_supervisor_and_its_own(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FROM", "supervisor")
    monkeypatch.setenv("BOTH", "supervisor")
    assert run(logs, 'echo "$FROM $BOTH $GOGC"', BOTH="own").tail() == "supervisor own 50\n"


def test_it_reads_nothing_and_is_in_a_session_of_its_own(logs: Path) -> None:
    lines = run(logs, "cat; cut -d' ' -f1,6 /proc/$$/stat").tail().split()
    assert lines[0] == lines[1]


def test_one_that_the_machine_has_no_room_for_just_now_is_tried_again_later_and_later(
    sleeper: Process,
) -> None:
    pauses: list[float] = []
    with no_more_open_files():
        for _ in range(3):
            assert not sleeper.start(bound_to_parent=True)
            assert not sleeper.due(())
            pauses.append(sleeper.pause)
    assert pauses == [0.2, 0.4, 0.8]
    assert (sleeper.state, sleeper.pid, sleeper.restarts) == ("waiting", None, 3)
    assert sleeper.last_exit == "refused by the machine: Too many open files"
    assert sleeper.start(bound_to_parent=True)
    assert sleeper.state == "running"


def test_a_fork_that_fails_leaves_no_file_open(sleeper: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - numbers, not paths
    assert not sleeper.start(bound_to_parent=True)
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208


def test_what_no_patience_mends_is_not_waited_for(sleeper: Process, logs: Path) -> None:
    (logs / "sleeper.log").mkdir()
    with pytest.raises(IsADirectoryError):
        sleeper.start(bound_to_parent=True)


def test_a_log_is_never_written_by_way_of_a_link(sleeper: Process, logs: Path) -> None:
    (logs / "sleeper.log").symlink_to(logs / "another")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        sleeper.start(bound_to_parent=True)
    assert not (logs / "another").exists()


def test_it_ignores_no_signal_that_its_supervisor_ignores(logs: Path) -> None:
    assert signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN
    assert run(logs, "grep SigIgn /proc/self/status").tail().split()[1] == "0" * 16


def test_one_whose_supervisor_dies_before_it_can_be_bound_to_it_never_runs(logs: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED_TOO_SOON, str(logs)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b""  # until the child that inherited it has ended too
    assert process.returncode == -signal.SIGKILL
    assert list(logs.iterdir()) == []


def test_a_program_that_is_not_there_says_so_in_its_log(logs: Path) -> None:
    process = Process(Component("missing", ("/nowhere/etcd",)), logs)
    start(process)
    bury(process)
    assert process.last_exit == "ended with exit code 127"
    assert process.tail().startswith("cannot start /nowhere/etcd: [Errno 2] No such file or directory")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "ended with exit code 0"),
        (7 << 8, "ended with exit code 7"),
        (signal.SIGSEGV, "killed by SIGSEGV"),
    ],
)
def test_a_death_in_words(status: int, words: str) -> None:
    assert describe(status) == words


def test_a_death_by_a_signal_without_a_name_in_words() -> None:
    assert str(signal.SIGRTMIN + 1) in describe(signal.SIGRTMIN + 1)


def test_a_socket_that_nobody_listens_at_answers_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rumpf.cluster import control

    monkeypatch.chdir(tmp_path)
    assert not answers(control.SOCKET)
    with control.listen():
        assert answers(control.SOCKET)
    assert not answers(control.SOCKET)
