"""One TCP connection, TLS or not: bytes as they arrive, bytes out, both with backpressure."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import cast

_ENOUGH = 256 * 1024
"""Bytes that may wait unread before the other side is made to wait."""

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time


class ConnectionEnded(Exception):
    """The other side is gone in the middle of something."""


class Wire(asyncio.Protocol):
    """A connection to a client or to the API server.

    `read` returns b"" once it has ended. `on_lost` is called when it ends, whoever ended it, in the
    same turn of the loop in which this is seen: also while nobody reads.
    """

    def __init__(self, made: Callable[["Wire"], None] | None = None) -> None:
        self.ended = False
        self.on_lost: Callable[[], None] | None = None
        self._made = made
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._arrived: list[bytes] = []
        self._size = 0
        self._paused = False
        self._reading: asyncio.Future[None] | None = None
        self._draining: asyncio.Future[None] | None = None
        self._full = False
        self._closed = self._loop.create_future()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; TLS has been agreed on by now."""
        self._transport = cast("asyncio.Transport", transport)
        if self._made is not None:
            self._made(self)

    def data_received(self, data: bytes) -> None:
        """Keep what came until someone reads it."""
        self._arrived.append(data)
        self._size += len(data)
        if self._size > _ENOUGH and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        _wake(self._reading)

    def pause_writing(self) -> None:
        """Make whoever sends wait: the other side does not read as fast as this one writes."""
        self._full = True

    def resume_writing(self) -> None:
        """Let whoever sends go on."""
        self._full = False
        _wake(self._draining)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everyone that it is over."""
        self.ended = True
        _wake(self._reading)
        _wake(self._draining)
        _wake(self._closed)
        if self.on_lost is not None:
            self.on_lost()

    # What the proxy calls.

    @property
    def has_unread(self) -> bool:
        """Whether bytes have arrived that nobody read."""
        return bool(self._arrived)

    async def read(self) -> bytes:
        """Return all that has arrived, at least a byte; b"" when the connection has ended."""
        if not self._arrived and not self.ended:
            self._reading = self._loop.create_future()
            try:
                await self._reading
            finally:
                self._reading = None
        data = self._arrived[0] if len(self._arrived) == 1 else b"".join(self._arrived)
        self._arrived.clear()
        self._size = 0
        if self._paused and self._transport is not None and not self.ended:
            self._paused = False
            self._transport.resume_reading()
        return data

    def write(self, data: bytes) -> None:
        """Send without waiting; what is sent into a connection that has ended is lost."""
        if self._transport is not None and not self.ended:
            self._transport.write(data)

    async def send(self, data: bytes) -> None:
        """Send, and wait while the other side has too much unread."""
        self.write(data)
        if self._full and not self.ended:
            self._draining = self._loop.create_future()
            try:
                await self._draining
            finally:
                self._draining = None
        if self.ended:
            raise ConnectionEnded

    def close(self) -> None:
        """End it politely: what was written still arrives."""
        if self._transport is not None:
            self._transport.close()

    def abort(self, *, reset: bool = False) -> None:
        """End it at once; with `reset`, the other side sees "connection reset by peer"."""
        if self._transport is None or self.ended:
            return
        if reset:
            plain = self._transport.get_extra_info("socket")
            if plain is not None and plain.fileno() != -1:
                reset_on_close(plain)
        self._transport.abort()

    async def wait_closed(self) -> None:
        """Wait until it has ended."""
        await asyncio.shield(self._closed)


def reset_on_close(connection: socket.socket) -> None:
    """Make the end of a connection a reset, and not an orderly one."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
