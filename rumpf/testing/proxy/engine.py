"""The proxy inside its own thread: what listens, what is connected, which faults are on."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, TypeVar

from rumpf.testing.proxy.client import Client, Underway
from rumpf.testing.proxy.connection import Connection
from rumpf.testing.proxy.credentials import Caller, Identity, Upstream, caller_of
from rumpf.testing.proxy.entry import Entry
from rumpf.testing.proxy.faults import Delay, Refusal, Rule, Stall
from rumpf.testing.proxy.journal import Journal
from rumpf.testing.proxy.kill import Kill
from rumpf.testing.proxy.listener import Listener
from rumpf.testing.proxy.messages import RequestHead
from rumpf.testing.proxy.pool import Pool
from rumpf.testing.proxy.record import Request, Select
from rumpf.testing.proxy.relay import Relay
from rumpf.testing.proxy.wire import Wire

_SHUTDOWN = 2.0

RuleT = TypeVar("RuleT", bound=Rule)


class Engine:
    """Everything here happens in one thread, so what happens between two awaits happens at once."""

    def __init__(self, upstream: Upstream, context: ssl.SSLContext, *, bodies: bool) -> None:
        self.bodies = bodies
        self.identities: dict[str, Identity] = {}
        self.journal = Journal()
        self.pool = Pool(upstream)
        self.failures: list[BaseException] = []
        self.last_serial = 0
        self._upstream = upstream
        self._listener = Listener(context, self._connected, self.failed)
        self._clients: dict[str, Client] = {}
        self._wires: set[Wire] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watches: set[Relay] = set()
        self._refusals: list[Refusal] = []
        self._delays: list[Delay] = []
        self._stalls: list[Stall] = []
        self._kills: list[Kill] = []
        self._downs = 0

    # Its life.

    async def start(self, bind: str, port: int) -> int:
        """Listen; return the port."""
        asyncio.get_running_loop().set_exception_handler(self._unhandled)
        got = self._listener.reserve(bind, port)
        self._listener.open()
        return got

    async def stop(self) -> None:
        """End every fault, every connection and every task."""
        self._listener.release()
        for kill in self._kills:
            kill.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        wires = list(self._wires)
        for wire in wires:
            wire.abort()
        self.pool.abort()
        with suppress(TimeoutError):
            async with asyncio.timeout(_SHUTDOWN):
                await self.pool.wait_closed()
                for wire in wires:
                    await wire.wait_closed()

    def _connected(self, wire: Wire) -> None:
        self.last_serial += 1
        self._wires.add(wire)
        Connection(self, wire, self.last_serial)

    # What connections and exchanges ask.

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run it for as long as the proxy runs."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def forget(self, connection: Connection) -> None:
        """Let go of a client's connection that has ended."""
        self._wires = {wire for wire in self._wires if not wire.ended}
        for client in self._clients.values():
            client.wires.discard(connection.wire)

    def failed(self, error: BaseException) -> None:
        """Keep an error that nobody expected, for the test to see."""
        self.failures.append(error)

    def client(self, name: str) -> Client:
        """Return the client of that name; one that was never seen begins here."""
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = Client(name)
        return client

    def caller_of(self, authorization: str) -> Caller:
        """Tell as whom a request goes on."""
        return caller_of(authorization, self.identities, self._upstream)

    def head_for(self, head: RequestHead, caller: Caller, *, expects: bool) -> bytes:
        """Return a request's head as the API server gets it: same headers, the caller's credentials."""
        headers: list[tuple[bytes, bytes]] = []
        for name, value in head.headers:
            lowered = name.lower()
            if lowered == b"host":
                headers.append((name, self._upstream.authority.encode()))
            elif lowered == b"authorization" or (lowered == b"expect" and not expects):
                continue
            elif lowered == b"connection" and value.lower() == b"close":
                continue  # between the client and the proxy alone: the other connection is kept
            else:
                headers.append((name, value))
        if caller.authorization is not None:
            headers.append((b"Authorization", caller.authorization))
        if self._upstream.prefix:
            head = replace(head, target=self._upstream.prefix + head.target)
        return head.encode(headers)

    def needs_body(self) -> bool:
        """Whether writes have to be read in whole before they may go on."""
        return bool(self._kills) or any(rule.picky for rule in (*self._refusals, *self._delays))

    def kill_at(self, entry: Entry) -> Kill | None:
        """Let every kill that is armed count this write; return the one whose write it is."""
        reached = [kill for kill in self._kills if kill.reached_by(entry.seen())]
        if not reached:
            return None
        self._kills.remove(reached[0])
        return reached[0]

    def doom(self, client: Client) -> tuple[Underway, ...]:
        """Decide a client's death; see `Client.doom`.

        Its watches tell it nothing more either: an event could tell it what became of its last write.
        """
        for watch in self._watches:
            if watch.entry.client == client.name:
                watch.stall()
        return client.doom()

    def delays_of(self, entry: Entry) -> list[Delay]:
        """Return the delays that strike a request."""
        return [delay for delay in self._delays if delay.strikes(entry.seen())]

    def refusal_of(self, entry: Entry) -> Refusal | None:
        """Return the first refusal that strikes a request."""
        return next((refusal for refusal in self._refusals if refusal.strikes(entry.seen())), None)

    @contextmanager
    def watching(self, watch: Relay) -> Generator[None]:
        """Know a watch while it is open; what is not a watch is left alone."""
        if watch.entry.info.verb != "watch":
            yield
            return
        self._watches.add(watch)
        for stall in self._stalls:
            _stall(stall, watch)
        try:
            yield
        finally:
            self._watches.discard(watch)

    # What the test asks.

    def switch_on(self, rules: list[RuleT], rule: RuleT) -> Callable[[], None]:
        """Switch a fault on; return what switches it off."""
        rules.append(rule)

        def switch_off() -> None:
            if rule in rules:
                rules.remove(rule)
                rule.over.set()

        return switch_off

    def refuse(self, refusal: Refusal) -> Callable[[], None]:
        """Refuse requests."""
        return self.switch_on(self._refusals, refusal)

    def delay(self, delay: Delay) -> Callable[[], None]:
        """Delay requests."""
        return self.switch_on(self._delays, delay)

    def stall(self, stall: Stall) -> Callable[[], None]:
        """Stall the watches that are open, and those that are opened."""
        switch_off = self.switch_on(self._stalls, stall)
        for watch in self._watches:
            _stall(stall, watch)

        def flow_again() -> None:
            switch_off()
            while stall.flow_again:
                stall.flow_again.pop()()

        return flow_again

    def cut_watches(self, select: Select, *, clean: bool) -> tuple[Request, ...]:
        """End the watches that are open; return them."""
        chosen = [watch for watch in self._watches if select(watch.entry.seen())]
        for watch in chosen:
            watch.entry.note("ended" if clean else "cut")
            if clean:
                watch.end()
            else:
                watch.cut()
        return tuple(sorted((watch.entry.seen() for watch in chosen), key=lambda request: request.number))

    def arm(self, kill: Kill) -> Callable[[], None]:
        """Arm a kill; return what disarms it."""
        kill.begin(self.journal.last)
        self._kills.append(kill)

        def disarm() -> None:
            if kill in self._kills:
                self._kills.remove(kill)
                kill.cancel()

        return disarm

    def go_down(self) -> None:
        """Reset every connection, refuse new ones."""
        self._downs += 1
        self._listener.close()
        for wire in list(self._wires):
            wire.abort(reset=True)

    def come_up(self) -> None:
        """Listen again, once everything that wanted it down is over."""
        self._downs -= 1
        if not self._downs:
            self._listener.open()

    def _unhandled(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        # Broken connections and failed handshakes are the clients' to see.
        if error is not None and not isinstance(error, OSError):
            self.failed(error)


def _stall(stall: Stall, watch: Relay) -> None:
    if stall.strikes(watch.entry.seen()):
        watch.entry.note("stalled")
        watch.stall()
        stall.flow_again.append(watch.flow)
