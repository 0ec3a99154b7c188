"""One component as a running process: started, watched, stopped, frozen, and started again."""

import errno
import os
import resource
import signal
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rumpf.cluster import namespaces
from rumpf.cluster.plan import Component, Phase

State = Literal["waiting", "running", "frozen", "held"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_STEADY = 30.0
"""A process that lived this long starts anew with the shortest pause."""
_OPEN_FILES = 65_536
_LOG_TAIL = 4_096

PASSING = frozenset((errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT))
"""What a machine refuses now and may grant in a moment: a process, a file, memory, room."""


@dataclass
class Process:
    """A component and the process that plays it now. Not thread-safe: its supervisor has one thread."""

    component: Component
    logs: Path
    state: State = "waiting"
    pid: int | None = None
    restarts: int = 0
    started: float = 0.0
    not_before: float = 0.0
    pause: float = _FIRST_PAUSE
    last_exit: str = ""

    def due(self, phases: Collection[Phase]) -> bool:
        """Whether it waits, and now is the time to start it."""
        return (
            self.state == "waiting"
            and self.pid is None
            and (self.component.after is None or self.component.after in phases)
            and time.monotonic() >= self.not_before
        )

    def start(self, *, bound_to_parent: bool) -> bool:
        """Start it; with `bound_to_parent` the kernel kills it when this process dies.

        False where the machine lacks something just now: that counts as a death, and is tried again.
        """
        self.started = time.monotonic()
        try:
            self.pid = run(
                self.component.argv,
                {"GOGC": "50", **os.environ, **self.component.env},
                self.logs / f"{self.component.name}.log",
                bound_to_parent=bound_to_parent,
            )
        except OSError as error:
            if error.errno not in PASSING:
                raise
            self._postpone(f"refused by the machine: {os.strerror(error.errno)}")
            return False
        self.state = "running"
        return True

    def died(self, status: int) -> None:
        """Take note of its death; unless it is held down it will be started again."""
        self.pid = None
        self._postpone(describe(status))

    def _postpone(self, reason: str) -> None:
        self.last_exit = reason
        if self.state == "held":
            return
        self.pause = (
            _FIRST_PAUSE if time.monotonic() - self.started > _STEADY else min(self.pause * 2, _LONGEST_PAUSE)
        )
        self.not_before = time.monotonic() + self.pause
        self.restarts += 1
        self.state = "waiting"

    def kill(self, *, hold: bool) -> None:
        """Kill it; with `hold` it stays down until `release`."""
        if hold:
            self.state = "held"
        self._signal(signal.SIGKILL)

    def release(self) -> None:
        """Let a held one start, a frozen one go on."""
        if self.state == "held":
            self.state, self.not_before = "waiting", 0.0
        elif self.state == "frozen":
            self.state = "running"
            self._signal(signal.SIGCONT)

    def freeze(self) -> None:
        """Stop it in its tracks: it keeps its connections, and answers nothing."""
        if self.pid is not None and self.state == "running":
            self._signal(signal.SIGSTOP)
            self.state = "frozen"

    def tail(self) -> str:
        """The end of its log."""
        try:
            with (self.logs / f"{self.component.name}.log").open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_TAIL))
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def describe(self) -> dict[str, Any]:
        """What a person wants to know of it."""
        return {
            "name": self.component.name,
            "state": self.state,
            "pid": self.pid,
            "restarts": self.restarts,
            "age": time.monotonic() - self.started if self.pid else 0.0,
            "last_exit": self.last_exit,
        }

    def _signal(self, number: int) -> None:
        if self.pid is not None:
            os.kill(self.pid, number)


def open_log(path: Path) -> int:
    """Open a log to be written on; it belongs to whoever its folder belongs to."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        folder = path.parent.stat()
        os.fchown(log, folder.st_uid, folder.st_gid)
    except OSError:
        os.close(log)
        raise
    return log


def run(argv: tuple[str, ...], env: dict[str, str], log: Path, *, bound_to_parent: bool) -> int:
    """Start a program that writes to the file `log`; its process id."""
    output = open_log(log)
    try:
        return spawn(argv, env, output, bound_to_parent=bound_to_parent)
    finally:
        os.close(output)


def spawn(argv: tuple[str, ...], env: dict[str, str], output: int, *, bound_to_parent: bool) -> int:
    """Start a program with its output in the file `output`, in a session of its own.

    By fork and exec: the one thing that `subprocess` cannot do without a warning is to bind the
    child's life to ours, and this process has no other thread that a fork could harm.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        os.umask(0o022)  # the folder keeps others out; what runs in containers must be able to read
        if bound_to_parent:
            namespaces.die_with_parent(signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(127)  # it died before that could be asked for
        signal.set_wakeup_fd(-1)
        # Python ignores these two, and what is ignored stays so in another program.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        os.execvpe(argv[0], argv, env)  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(output, f"cannot start {argv[0]}: {error}\n".encode())
    finally:
        os._exit(127)


def allow_many_files() -> None:
    """Raise the limit of open files as far as a component may need and the machine allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def answers(path: str) -> bool:
    """Whether somebody accepts connections at the unix socket `path`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
        return True


def describe(status: int) -> str:
    """A wait status in words."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
