"""The machine's side of a cluster: makes its world, watches over it, and cleans up after it.

Two processes watch each other. The guard stays outside: when the supervisor dies (down, a crash,
a SIGKILL) it removes what the kernel does not take away by itself. When the guard dies, the
supervisor does that. Until the owner says `release`, the cluster also ends with its owner.

Spoken on standard input: a line with the `Setup`, a line with the plan, then words for the
supervisor (how far the API server is), `release` once the cluster is to outlive its owner, or `end`
(a child of the owner may have inherited its end of the pipe: then there is no end of input).
On standard output: one JSON event a line.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import NoReturn

from rumpf.cluster import namespaces, ownership
from rumpf.cluster.layout import Link
from rumpf.cluster.remains import RECORD, leave_nothing
from rumpf.cluster.setup import Setup, failure, say
from rumpf.cluster.supervisor import configure_network
from rumpf.cluster.world import Guarded, supervise


def main() -> NoReturn:
    """Run as the guard until the cluster is gone."""
    os.umask(0o077)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # its owner was not to be interrupted just then
    owner = Owner()
    setup = Setup(**json.loads(owner.line()))
    folder = Path(setup.folder)
    try:
        with acting_for(setup.owner):
            lock = ownership.take(folder)
    except OSError as error:
        say(failure("guard", error, folder))
        sys.exit(1)
    if lock is None:
        say({"event": "taken"})
        sys.exit(1)
    leave_nothing(folder)
    try:
        folder.mkdir(mode=0o700)
        Guard(setup, folder, lock).watch(owner)
    except OSError as error:
        say(failure("guard", error, folder))
    finally:
        if ownership.holds(folder, lock):
            leave_nothing(folder)
        ownership.give_up(folder, lock)
    sys.exit(0)


_FAREWELL = 8.0
_END = b"end"


@contextlib.contextmanager
def acting_for(owner: tuple[int, int] | None) -> Generator[None]:
    """Be the owner for a moment, where sudo started this: what is made then is theirs from the start."""
    if owner is None:
        yield
        return
    user, group = os.geteuid(), os.getegid()
    os.setegid(owner[1])
    os.seteuid(owner[0])
    try:
        yield
    finally:
        os.seteuid(user)
        os.setegid(group)


class Owner:
    """What the owner says on standard input: lines to wait for, then words as they come."""

    def __init__(self) -> None:
        self._heard = b""

    def line(self) -> bytes:
        """Wait for the next line; empty where the owner is gone, or wants no more."""
        while b"\n" not in self._heard:
            if not (piece := os.read(0, 65536)):
                return b""
            self._heard += piece
        line, _, self._heard = self._heard.partition(b"\n")
        return b"" if line == _END else line

    def words(self) -> list[bytes]:
        """What was said since; nothing where the owner is gone. They are few and short: none is cut."""
        said, self._heard = self._heard or os.read(0, 256), b""
        return said.split()

    @property
    def has_spoken(self) -> bool:
        """Whether there are words that came along with a line."""
        return bool(self._heard)


class Guard:
    """One cluster, seen from the machine."""

    def __init__(self, setup: Setup, folder: Path, lock: int) -> None:
        self._setup = setup
        self._folder = folder
        self._link = Link(setup.link) if setup.link is not None else None
        self._connected = False
        self._released = False
        ours, theirs = socket.socketpair()
        own_life = os.pidfd_open(os.getpid())
        if self._link:
            namespaces.unshare(namespaces.CLONE_NEWPID)
        self._supervisor = os.fork()
        if self._supervisor == 0:
            ours.close()
            supervise(setup, Guarded(folder, lock, self._link, theirs, own_life))
        os.close(own_life)
        theirs.close()
        if self._link:
            # Later children (the `ip` command) belong to the machine's processes again.
            with open("/proc/self/ns/pid", "rb") as ours_again:  # noqa: PTH123 - a namespace, not a file
                namespaces.join(ours_again.fileno(), namespaces.CLONE_NEWPID)
        self._channel = ours

    def watch(self, owner: Owner) -> None:
        """Stay until the supervisor is gone; see to it that it goes when it should."""
        os.chdir("/")
        pidfd = os.pidfd_open(self._supervisor)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, _end)
        try:
            if self._link:
                self._connect(self._link)
            self._record()
            plan = owner.line()
            if not plan:
                return
            self._channel.sendall(plan + b"\n")
            while owner.has_spoken or pidfd not in self._wait(pidfd):
                if not self._hear(owner.words()):
                    break
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)  # once is enough: nothing may end the cleaning up
            os.kill(self._supervisor, signal.SIGKILL) if self._link else self._channel.close()
            # One that hangs is not waited for; its components die with it.
            if not select.select([pidfd], [], [], _FAREWELL)[0]:
                os.kill(self._supervisor, signal.SIGKILL)
            _, status = os.waitpid(self._supervisor, 0)
            say({"event": "ended", "exit": status})
            if self._link and self._connected:
                self._disconnect(self._link)

    def _wait(self, pidfd: int) -> list[int]:
        ready, _, _ = select.select([pidfd] if self._released else [pidfd, 0], [], [])
        return ready

    def _hear(self, words: list[bytes]) -> bool:
        for word in words:
            if word == _END:
                return False
            if word == b"release":
                self._released = True
                null = os.open(os.devnull, os.O_RDWR)
                os.dup2(null, 0)
                os.dup2(null, 1)
            else:
                self._channel.sendall(word + b"\n")
        return bool(words)

    def _connect(self, link: Link) -> None:
        self._channel.recv(1)
        commands = f"""\
link add {link.interface} type veth peer name eth0 netns {self._supervisor}
addr add {link.machine}/30 dev {link.interface}
link set {link.interface} up
"""
        try:
            configure_network(self._setup.ip, commands)
        except subprocess.CalledProcessError as error:
            event = "link-taken" if "File exists" in error.stderr else "failed"
            say({"event": event, "component": "network", "exit": error.stderr.strip(), "tail": ""})
            raise OSError(error.stderr.strip()) from error
        self._connected = True
        self._channel.sendall(b"c")

    def _disconnect(self, link: Link) -> None:
        # The kernel would take it away too, but a moment later than `down` returns.
        subprocess.run([self._setup.ip, "link", "del", link.interface], capture_output=True, check=False)

    def _record(self) -> None:
        record = {
            **self._setup.record,
            "link": self._setup.link,
            "guard": os.getpid(),
            "supervisor": self._supervisor,
            "created": time.time(),
        }
        (self._folder / RECORD).write_text(json.dumps(record))
        if self._setup.owner:
            os.chown(self._folder, *self._setup.owner)
            os.chown(self._folder / RECORD, *self._setup.owner)


def _end(*_: object) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    main()
