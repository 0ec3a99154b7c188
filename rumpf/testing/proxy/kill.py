"""Kills a client's process at one exact write, and knows that it is dead."""

import asyncio
import concurrent.futures
import contextlib
import os
import select
import signal
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Protocol, Self

from rumpf.errors import FaultError, UsageError
from rumpf.testing.proxy.record import Request, Select

_WHERE = "API proxy"
_TIME_TO_DIE = 30.0

Moment = Literal["before", "after"]


class Process(Protocol):
    """Anything with a PID: subprocess.Popen, multiprocessing.Process, asyncio's..."""

    @property
    def pid(self) -> int | None:
        """The process's id; None while it has not started."""
        ...


Killable = int | Process | Callable[[], object]
"""A PID, an object that has one, or a function that kills and returns when what it killed is dead."""


class Kill:
    """A death that waits for its write.

    Made by `ApiProxy.kill_before` and `kill_after`. It is armed from then on, and disarmed at the end of
    its `with` block, by `disarm`, or with the proxy.
    """

    def __init__(
        self, victim: Killable, moment: Moment, write: int, *, selects: Select, description: str
    ) -> None:
        if write < 1:
            raise UsageError(f"there is no write {write}", remedy="count from 1", where=_WHERE)
        self.moment = moment
        self.write = write
        self.seen = 0
        """How many of the writes that are meant have been received whole so far."""
        self._selects = selects
        self._since = 0
        self._description = description
        self._outcome: concurrent.futures.Future[Request] = concurrent.futures.Future()
        self._disarm: Callable[[], None] | None = None
        self._descriptor: int | None = None
        self._function: Callable[[], object] | None = None
        if callable(victim):
            self._function = victim
        else:
            # Held from now on: should the process end on its own and its PID go to another, this one is
            # still the one that is meant.
            self._descriptor = _descriptor_of(victim)

    @property
    def fired(self) -> bool:
        """Whether the process was killed, is dead, and its connections are closed."""
        return self._outcome.done() and not self._outcome.cancelled() and self._outcome.exception() is None

    @property
    def request(self) -> Request | None:
        """The write at which it was killed; None as long as it was not."""
        return self._outcome.result() if self.fired else None

    def wait(self, timeout: float = 30.0) -> Request:
        """Wait for the death; return the write at which it came."""
        try:
            return self._outcome.result(timeout)
        except (TimeoutError, concurrent.futures.CancelledError) as error:
            descriptor = self._descriptor
            gone = descriptor is not None and _is_dead(descriptor)
            raise FaultError(
                f"not killed within {timeout:g} s: {self.seen} of the {self.write} writes it takes were seen"
                + (", and the process has ended by itself" if gone else ""),
                remedy="see proxy.requests(writes=True) for what the client did; ask for an earlier write, "
                "or give it more time",
                where=f"{_WHERE}, {self._description}",
            ) from error

    def armed(self, disarm: Callable[[], None]) -> Self:
        """Take note of how to be disarmed."""
        self._disarm = disarm
        return self

    def disarm(self) -> None:
        """Let the client live, if it still does."""
        if self._disarm is not None:
            self._disarm()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disarm()

    # What the proxy calls, in its loop.

    def begin(self, since: int) -> None:
        """Count the writes that begin after that request."""
        self._since = since

    def reached_by(self, request: Request) -> bool:
        """Count a write that has been received whole; say whether it is the one."""
        if request.number <= self._since or not self._selects(request):
            return False
        self.seen += 1
        return self.seen == self.write

    async def strike(self) -> None:
        """Kill, and return when it is dead."""
        try:
            if self._descriptor is not None:
                await _kill(self._descriptor)
            elif self._function is not None:
                await _call(self._function)
        except TimeoutError:
            raise FaultError(
                f"not dead {_TIME_TO_DIE:g} s after it was killed",
                remedy="kill the process that speaks to the API server, not a shell around it",
                where=f"{_WHERE}, {self._description}",
            ) from None

    def settle(self, outcome: Request | BaseException) -> None:
        """Tell those who wait how it went."""
        self.close()
        if self._outcome.done():
            return
        if isinstance(outcome, Request):
            self._outcome.set_result(outcome)
        else:
            self._outcome.set_exception(outcome)

    def close(self) -> None:
        """Let go of the process."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def cancel(self) -> None:
        """Give up before it came to anything."""
        self.close()
        self._outcome.cancel()


def _descriptor_of(victim: int | Process) -> int:
    pid = victim if isinstance(victim, int) else victim.pid
    if pid is None or pid <= 1 or pid == os.getpid():
        raise UsageError(
            f"{pid} is not a process to kill",
            remedy="give the client's PID, once it has started",
            where=_WHERE,
        )
    ended = FaultError(f"process {pid} has ended already", remedy="arm the kill while it runs", where=_WHERE)
    # Popen and multiprocessing know an end that the kernel has forgotten: the PID may be another's by now.
    if any(getattr(victim, known, None) is not None for known in ("returncode", "exitcode")):
        raise ended
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        raise ended from None
    if _is_dead(descriptor):
        os.close(descriptor)
        raise ended
    return descriptor


def _is_dead(descriptor: int) -> bool:
    """Tell whether all threads of a process are gone: its pidfd can then be read from, reaped or not."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return any(event & select.POLLIN for _, event in poll.poll(0))


async def _kill(descriptor: int) -> None:
    """SIGKILL a process, and wait until it is dead."""
    loop = asyncio.get_running_loop()
    dead = asyncio.Event()
    loop.add_reader(descriptor, dead.set)
    try:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        async with asyncio.timeout(_TIME_TO_DIE):
            await dead.wait()
    except PermissionError as error:
        raise FaultError(
            "this process may not be killed", remedy="run the test as the client's user", where=_WHERE
        ) from error
    finally:
        loop.remove_reader(descriptor)


async def _call(function: Callable[[], object]) -> None:
    """Run the test's own function where it may block, and give up on it when it blocks for too long."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish(error: Exception | None) -> None:
        if not done.done():
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

    def run() -> None:
        error: Exception | None = None
        try:
            function()
        except Exception as raised:  # noqa: BLE001 - handed to whoever waits for the kill
            error = raised
        with contextlib.suppress(RuntimeError):  # the proxy was closed meanwhile
            loop.call_soon_threadsafe(finish, error)

    threading.Thread(target=run, name="rumpf-kill", daemon=True).start()
    async with asyncio.timeout(_TIME_TO_DIE):
        await done
