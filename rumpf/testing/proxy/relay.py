"""The way back of an answer: to the client as it comes, or through what a watch is made to do."""

import asyncio
import contextlib

from rumpf.testing.proxy.entry import Entry
from rumpf.testing.proxy.messages import LAST_CHUNK, RequestHead, ResponseHead, ResponseReader, chunk
from rumpf.testing.proxy.watch import Events
from rumpf.testing.proxy.wire import ConnectionEnded, Wire

_LAST_BYTES = 1.0
"""Seconds for the end of a tunnel to arrive."""


class Relay:
    """Carries one answer from the API server to a client; to nobody, where the client must get nothing.

    Its methods that carry return two things: whether the client's connection can go on after this
    request, and whether the API server's can.
    """

    def __init__(self, entry: Entry, request: RequestHead, upstream: Wire, client: Wire | None) -> None:
        self.entry = entry
        self._request = request
        self._response = ResponseReader(upstream, bodiless=request.method == "HEAD")
        self._upstream = upstream
        self._client = client
        self._stalls = 0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._ending = False

    async def head(self) -> ResponseHead:
        """Return the head of the answer proper; pass on what comes before it."""
        while (head := await self._response.head()) is not None:
            if not head.is_interim:
                return head
            self._response.take()
            if self._client is not None:
                self._client.write(head.encode(head.headers))
        raise ConnectionEnded

    async def answer(self, head: ResponseHead) -> tuple[bool, bool]:
        """Carry an answer that has an end."""
        out, keep = self._head_for_client(head)
        done = False
        while not done:
            body, done = self._response.take()
            self.entry.went_out(body)
            if head.chunked:
                body = chunk(body) + (LAST_CHUNK if done else b"")
            if self._client is not None and (out or body):
                await self._client.send(out + body)
            out = b""
            if not done:
                await self._response.more()
        return keep, head.keep_alive

    async def watch(self, head: ResponseHead, to: Wire) -> tuple[bool, bool]:
        """Carry a watch, in whole events."""
        out, keep = self._head_for_client(head)
        await to.send(out)  # a watch is open long before its first event
        events = Events(head.header(b"content-type"), encoded=bool(head.header(b"content-encoding")))
        done = False
        while not done:
            body, done = self._response.take()
            self.entry.went_out(body, keep=False)
            body = events.feed(body) + (events.flush() if done else b"")
            await self._flowing.wait()
            if head.chunked:
                body = chunk(body) + (LAST_CHUNK if done else b"")
            if body:
                await to.send(body)
            if not done and not await self._goes_on():
                await to.send(LAST_CHUNK if head.chunked else b"")
                return keep and head.chunked, False
        return keep, head.keep_alive

    async def tunnel(self, head: ResponseHead, to: Wire, beyond: bytes) -> None:
        """Carry bytes both ways until one side ends: exec, attach, port-forward, WebSockets."""
        await to.send(head.encode(head.headers) + self._response.beyond)
        await self._upstream.send(beyond)
        there = asyncio.create_task(self._carry_in(to))
        back = asyncio.create_task(self._carry_out(to))
        try:
            await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
            to.close()
            self._upstream.close()
            with contextlib.suppress(TimeoutError):  # what was written last still arrives, if it is read
                await asyncio.wait_for(self._upstream.wait_closed(), _LAST_BYTES)

    # What a watch can be made to do.

    def end(self) -> None:
        """End the watch as if the API server had ended it, after a whole event."""
        self._ending = True
        self._flowing.set()
        self._upstream.abort()

    def cut(self) -> None:
        """Close the watch's connection."""
        if self._client is not None:
            self._client.abort()

    def stall(self) -> None:
        """Let nothing more through."""
        self._stalls += 1
        self._flowing.clear()

    def flow(self) -> None:
        """Let through again what one `stall` held."""
        self._stalls -= 1
        if not self._stalls:
            self._flowing.set()

    async def _goes_on(self) -> bool:
        """Wait for more of a watch; return False when it is to end cleanly."""
        try:
            await self._response.more()
        except ConnectionEnded:
            await self._flowing.wait()  # a stalled client does not see the end either
            if not self._ending:
                raise
            return False
        return True

    def _head_for_client(self, head: ResponseHead) -> tuple[bytes, bool]:
        """Return the answer's head as the client gets it, and whether its connection stays open."""
        keep = self._request.keep_alive and head.keep_alive
        closes = ((b"Connection", b"close"),) if head.keep_alive and not keep else ()
        return head.encode((*head.headers, *closes)), keep

    async def _carry_in(self, client: Wire) -> None:
        with contextlib.suppress(ConnectionEnded):
            while data := await client.read():
                self.entry.came_in(data, keep=False)
                await self._upstream.send(data)

    async def _carry_out(self, client: Wire) -> None:
        with contextlib.suppress(ConnectionEnded):
            while data := await self._upstream.read():
                await self._flowing.wait()
                self.entry.went_out(data, keep=False)
                await client.send(data)
