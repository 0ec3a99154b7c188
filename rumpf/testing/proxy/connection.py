"""A client's connection: its requests one after another, each with a connection to the API server."""

from typing import TYPE_CHECKING

from rumpf.testing.proxy import status
from rumpf.testing.proxy.exchange import Exchange
from rumpf.testing.proxy.messages import Malformed, RequestHead, RequestReader
from rumpf.testing.proxy.requestinfo import RequestInfo
from rumpf.testing.proxy.wire import ConnectionEnded, Wire

if TYPE_CHECKING:
    from rumpf.testing.proxy.engine import Engine


class Connection:
    """Serves a client for as long as its connection lasts.

    It keeps one connection to the API server for itself, and ends with it, as a client that speaks to the
    API server directly would see it end.
    """

    def __init__(self, engine: "Engine", wire: Wire, serial: int) -> None:
        self.engine = engine
        self.wire = wire
        self.serial = serial
        """Its place in the order in which connections were made."""
        self.reader = RequestReader(wire)
        self._idle: tuple[Wire, bool] | None = None
        self._task = engine.spawn(self._serve())
        wire.on_lost = self._lost

    def _lost(self) -> None:
        # Whatever is under way for a client that is gone ends here: an open watch with it, at once.
        self._task.cancel()

    def let_go(self) -> None:
        """Leave it to a tunnel to see that the client is gone: what it sent last must still arrive."""
        self.wire.on_lost = None

    async def _serve(self) -> None:
        try:
            while (head := await self.reader.head()) is not None:
                _check(head)
                if not await Exchange(self, head).run():
                    break
                if head.upgrade:
                    self.reader.resume()
            self.wire.close()
        except Malformed as error:
            body = status.failure(400, RequestInfo(verb="", path=""), message=f"not HTTP/1.1: {error}")
            self.wire.write(status.response(400, body, close=True))
            self.wire.close()
        except ConnectionEnded:
            self.wire.abort()
        except Exception as error:  # noqa: BLE001 - surfaces when the test closes the proxy
            self.engine.failed(error)
            self.wire.abort()
        finally:
            if self._idle is not None:
                wire, certified = self._idle
                self.engine.pool.put(wire, certified=certified)
            self.engine.forget(self)

    async def lease(self, *, certified: bool) -> Wire:
        """Return a connection to the API server on which nothing is under way."""
        if self._idle is not None:
            (wire, kind), self._idle = self._idle, None
            wire.on_lost = None
            if kind is certified and not wire.ended and not wire.has_unread:
                return wire
            wire.abort()
        return await self.engine.pool.take(certified=certified)

    def give_back(self, wire: Wire, *, certified: bool) -> None:
        """Keep it for this client's next request; for another client's, if this one is gone."""
        if self.wire.ended or wire.ended:
            self.engine.pool.put(wire, certified=certified)
            return
        self._idle = (wire, certified)
        wire.on_lost = self.wire.close


def _check(head: RequestHead) -> None:
    if head.upgrade and (head.chunked or head.header(b"content-length") not in {"", "0"}):
        raise Malformed("a request for another protocol that has a body")
