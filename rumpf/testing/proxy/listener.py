"""Takes in connections at one address, and can refuse them there for a while."""

import asyncio
import socket
import ssl
from collections.abc import Callable

from rumpf.testing.proxy.wire import Wire, reset_on_close

_BACKLOG = 1024
_HANDSHAKE = 30.0
_SHUTDOWN = 2.0
_PAUSE = 0.2
"""Seconds until the next try when connections cannot be taken in."""


class Listener:
    """A port that stays this proxy's own, open or closed.

    asyncio's own server is not used: a connection that it has just accepted when it is closed hangs.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        made: Callable[[Wire], None],
        failed: Callable[[OSError], None],
    ) -> None:
        self._context = context
        self._made = made
        self._failed = failed
        self._place: socket.socket | None = None
        self._listening: socket.socket | None = None
        self._agreeing: dict[asyncio.Task[None], socket.socket] = {}
        self._fresh: set[socket.socket] = set()

    def reserve(self, bind: str, port: int) -> int:
        """Take the port, without opening it; return its number."""
        # This socket never listens. It keeps others from taking the port while nothing listens there.
        self._place = _bound(bind, port)
        return int(self._place.getsockname()[1])

    def open(self) -> None:
        """Take in connections."""
        if self._place is None or self._listening is not None:
            return
        bind, port, *_ = self._place.getsockname()
        self._listening = _bound(bind, port)
        self._listening.listen(_BACKLOG)
        self._go_on(self._listening)

    def close(self) -> None:
        """Refuse connections; reset those that have not agreed on TLS yet."""
        if self._listening is None:
            return
        asyncio.get_running_loop().remove_reader(self._listening)
        self._listening.close()
        self._listening = None
        for task, connection in self._agreeing.items():
            reset_on_close(connection)
            task.cancel()

    def release(self) -> None:
        """Close it for good."""
        self.close()
        if self._place is not None:
            self._place.close()
            self._place = None

    def _accept(self, listening: socket.socket) -> None:
        try:
            while True:
                connection, _ = listening.accept()
                connection.setblocking(False)  # noqa: FBT003 - the name is the library's
                task = asyncio.get_running_loop().create_task(self._agree(connection))
                self._agreeing[task] = connection
                self._fresh.add(connection)
                task.add_done_callback(self._agreed)
        except (BlockingIOError, ConnectionAbortedError):
            return  # no more for now
        except OSError as error:  # most likely too many open files
            self._failed(error)
            loop = asyncio.get_running_loop()
            loop.remove_reader(listening)
            loop.call_later(_PAUSE, self._go_on, listening)

    def _go_on(self, listening: socket.socket) -> None:
        if listening is self._listening:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _agreed(self, task: asyncio.Task[None]) -> None:
        connection = self._agreeing.pop(task)
        if connection in self._fresh:  # cancelled before it had begun
            self._fresh.discard(connection)
            connection.close()

    async def _agree(self, connection: socket.socket) -> None:
        self._fresh.discard(connection)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Wire(self._made),
                connection,
                ssl=self._context,
                ssl_handshake_timeout=_HANDSHAKE,
                ssl_shutdown_timeout=_SHUTDOWN,
            )
        except OSError:
            connection.close()  # a client that trusts no one, or left: it knows why


def _bound(bind: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    # With the protocol named, asyncio switches off the delay of small packets (TCP_NODELAY).
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setblocking(False)  # noqa: FBT003 - the name is the library's
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((bind, port))
    except BaseException:
        made.close()
        raise
    return made
