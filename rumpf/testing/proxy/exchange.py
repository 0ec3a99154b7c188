"""One request, from its first byte to the last of its answer, past every fault that is on."""

import asyncio
import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING

from rumpf.errors import FaultError
from rumpf.testing.proxy import requestinfo, status
from rumpf.testing.proxy.client import Underway, all_settled
from rumpf.testing.proxy.entry import Entry
from rumpf.testing.proxy.faults import Refusal
from rumpf.testing.proxy.kill import Kill
from rumpf.testing.proxy.messages import CONTINUE, LAST_CHUNK, Malformed, RequestHead, chunk
from rumpf.testing.proxy.relay import Relay
from rumpf.testing.proxy.wire import ConnectionEnded, Wire

if TYPE_CHECKING:
    from rumpf.testing.proxy.connection import Connection

_API_SERVER_LEFT = "the API server ended the connection"


class Exchange:
    """A request and its answer.

    A write is counted in the moment in which its last byte is read, before anything is awaited: the order
    of these moments is the order of writes. If someone needs that order to be exact (a kill is armed),
    the write is read in whole before its first byte goes on; otherwise it streams.
    """

    def __init__(self, connection: "Connection", head: RequestHead) -> None:
        engine = connection.engine
        info = requestinfo.parse(head.method, head.target)
        self.settled = asyncio.Event()
        self._engine = engine
        self._connection = connection
        self._head = head
        self._caller = engine.caller_of(head.header(b"authorization"))
        self._client = engine.client(self._caller.name)
        self._client.wires.add(connection.wire)
        self._body: list[bytes] = []  # read and not yet sent on
        self._whole = False
        self._expects = head.header(b"expect").lower() == "100-continue"
        self._needs_body = info.is_write and engine.needs_body()
        self._entry = Entry(
            engine.journal, head, info, self._caller.name, bodies=engine.bodies, body=self._needs_body
        )

    # From the client.

    async def run(self) -> bool:
        """See it through; return whether the client's connection can carry another request."""
        kill = None
        try:
            whole = await self._receive(everything=self._needs_body)
            await self._client.pass_through(self._connection.serial)
            kill = self._count() if whole else None
            if kill is not None:
                # Not this task's to do: it ends with the client's connection, the death must not.
                await asyncio.shield(self._engine.spawn(self._die(kill, self._engine.doom(self._client))))
                raise ConnectionEnded
            return await self._answer(self._connection.wire)
        finally:
            if kill is None:
                self._finish()

    async def _receive(self, *, everything: bool) -> bool:
        """Read what is there of the body, with `everything` also the rest; return whether that is all."""
        reader = self._connection.reader
        while True:
            body, self._whole = reader.take()
            if body:
                self._body.append(body)
                self._entry.came_in(body)
            if self._whole or not everything:
                return self._whole
            if self._expects:
                self._connection.wire.write(CONTINUE)
                self._expects = False
            await reader.more()

    def _count(self) -> Kill | None:
        """Take note that it has been received whole; return the kill that it triggers."""
        if not self._entry.info.is_write:
            return None
        self._entry.count_write()
        kill = self._engine.kill_at(self._entry)
        if kill is None:
            self._client.underway.add(self)
        return kill

    # What becomes of it.

    async def _die(self, kill: Kill, earlier: tuple[Underway, ...]) -> None:
        """Kill its client before or after it, with all that came before it settled."""
        failure: Exception | None = FaultError(
            "the proxy ended before the client was dead",
            remedy="wait for the kill inside the proxy's `with` block",
            where="API proxy",
        )
        try:
            await all_settled(earlier)
            lost = await self._answer_to_nobody() if kill.moment == "after" else None
            self._entry.note(f"killed {kill.moment} write {kill.write}")
            await kill.strike()
            failure = lost
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the kill
            failure = error
        finally:
            self._finish()
            self._client.bury(self._engine.last_serial)
            kill.settle(self._entry.seen() if failure is None else failure)

    async def _answer_to_nobody(self) -> FaultError | None:
        """Have it answered in whole while the client gets nothing; return what went wrong with that."""
        try:
            await self._answer(None)
        except (ConnectionEnded, Malformed):
            return FaultError(
                f"the API server's answer did not come whole, so whether the write was done is not known: "
                f"{self._entry.seen()}",
                remedy="see why the API server ended the connection",
                where="API proxy",
            )
        return None

    async def _answer(self, to: Wire | None) -> bool:
        for delay in self._engine.delays_of(self._entry):
            self._entry.note("held" if delay.seconds is None else f"delayed {delay.seconds:g} s")
            await delay.wait()
        refusal = self._engine.refusal_of(self._entry)
        if refusal is not None:
            return await self._refuse(refusal, to)
        return await self._forward(to)

    async def _refuse(self, refusal: Refusal, to: Wire | None) -> bool:
        if not self._whole:
            await self._receive(everything=True)
            self._count()
        self._entry.note(f"refused {refusal.code}")
        pause, keep = refusal.retry_after, self._head.keep_alive and not self._head.upgrade
        body = status.failure(
            refusal.code, self._entry.info, message=refusal.message, reason=refusal.reason, retry_after=pause
        )
        self._entry.answered(refusal.code)
        self._entry.went_out(body)
        if self._head.method == "HEAD":
            body = b""
        if to is not None:
            await to.send(status.response(refusal.code, body, retry_after=pause, close=not keep))
        return keep

    # To the API server.

    async def _forward(self, to: Wire | None) -> bool:
        """Send it on and its answer back."""
        certified = self._caller.certified
        try:
            upstream = await self._connection.lease(certified=certified)
        except OSError as error:
            self._entry.error = f"the API server cannot be reached: {error}"
            raise ConnectionEnded from error
        reusable = False
        try:
            if self._entry.write is None:  # one that is counted has passed already
                await self._client.pass_through(self._connection.serial)
            upstream.write(
                self._engine.head_for(self._head, self._caller, expects=self._expects) + self._rest()
            )
            relay = Relay(self._entry, self._head, upstream, to)
            if self._whole:
                keep, reusable = await self._relay(relay, to)
            else:
                keep, reusable = await self._relay_while_sending(upstream, relay, to)
        finally:
            if reusable and self._whole:
                self._connection.give_back(upstream, certified=certified)
            else:
                upstream.abort()
        return keep and self._whole

    def _rest(self) -> bytes:
        """Return what has been read and not sent on, as it goes over the wire."""
        body = b"".join(self._body)
        self._body.clear()
        if self._head.chunked:
            return chunk(body) + (LAST_CHUNK if self._whole else b"")
        return body

    async def _relay_while_sending(self, upstream: Wire, relay: Relay, to: Wire | None) -> tuple[bool, bool]:
        """Stream the body while the answer may come already: 100 Continue, or a refusal of what is coming."""
        sending = asyncio.create_task(self._send_body(upstream))
        try:
            return await self._relay(relay, to)
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending

    async def _send_body(self, upstream: Wire) -> None:
        reader = self._connection.reader
        try:
            whole = False
            while not whole:
                await reader.more()
                whole = await self._receive(everything=False)
                await self._client.pass_through(self._connection.serial)
                if whole:
                    self._count()
                await upstream.send(self._rest())
        except (ConnectionEnded, Malformed):
            upstream.abort()

    async def _relay(self, relay: Relay, to: Wire | None) -> tuple[bool, bool]:
        """Pass the answer on; return whether the client's, and the API server's, connection can go on."""
        try:
            head = await relay.head()
            self._entry.answered(head.status)
            self._settle()
            if to is None:
                return await relay.answer(head)
            if head.status == HTTPStatus.SWITCHING_PROTOCOLS:
                self._connection.let_go()
                with self._engine.watching(relay):
                    await relay.tunnel(head, to, self._connection.reader.beyond)
                return False, False
            if self._entry.info.verb != "watch" or head.status != HTTPStatus.OK:
                return await relay.answer(head)
            with self._engine.watching(relay):
                return await relay.watch(head, to)
        except (ConnectionEnded, Malformed) as error:
            if not self._connection.wire.ended and not self._entry.is_disturbed:
                self._entry.error = str(error) or _API_SERVER_LEFT
            raise ConnectionEnded from error

    def _settle(self) -> None:
        self.settled.set()
        self._client.underway.discard(self)

    def _finish(self) -> None:
        self._entry.finish()
        self._settle()
