"""HTTP/1.1 messages on a wire: their heads, their bodies piece by piece, and where each one ends."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Generic, TypeVar

import httptools

from rumpf.testing.proxy.wire import ConnectionEnded, Wire

Headers = tuple[tuple[bytes, bytes], ...]


class Malformed(Exception):
    """What came is not HTTP/1.1."""


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request up to its body."""

    method: str
    target: str
    version: str
    headers: Headers
    keep_alive: bool
    upgrade: bool
    chunked: bool

    def header(self, name: bytes) -> str:
        """Return the first value of a header, named in lower case; empty where there is none."""
        return _header(self.headers, name)

    def encode(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """Return the bytes of this head with other headers."""
        return _encode(f"{self.method} {self.target} HTTP/{self.version}".encode("latin-1"), headers)


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """A response up to its body."""

    status: int
    reason: bytes
    version: str
    headers: Headers
    keep_alive: bool
    chunked: bool

    @property
    def is_interim(self) -> bool:
        """Whether the answer proper is still to come: 100 Continue and the like."""
        return self.status < HTTPStatus.OK and self.status != HTTPStatus.SWITCHING_PROTOCOLS

    def header(self, name: bytes) -> str:
        """Return the first value of a header, named in lower case; empty where there is none."""
        return _header(self.headers, name)

    def encode(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """Return the bytes of this head with other headers."""
        return _encode(b"HTTP/%b %d %b" % (self.version.encode(), self.status, self.reason), headers)


HeadT = TypeVar("HeadT", RequestHead, ResponseHead)


class _Reader(Generic[HeadT]):
    """Reads messages from a wire one after the other; knows nothing of what they mean."""

    def __init__(self, wire: Wire) -> None:
        self.beyond = b""
        """What came after a head that asks for, or agrees to, another protocol."""
        self.wire = wire
        # A head, pieces of its body, and None where the message ends.
        self._queue: deque[HeadT | bytes | None] = deque()
        self._headers: list[tuple[bytes, bytes]] = []
        self._in_body = False
        self._until_close = False

    def _feed(self, data: bytes) -> None:
        raise NotImplementedError

    async def head(self) -> HeadT | None:
        """Return the next message's head; None when the connection ended before one began."""
        while not self._queue:
            data = await self.wire.read()
            if not data:
                return None
            self._feed(data)
        head = self._queue.popleft()
        if head is None or isinstance(head, bytes):
            raise Malformed("a body where a head should be")
        return head

    def take(self) -> tuple[bytes, bool]:
        """Return what of the body has arrived and was not taken yet, and whether that is its end."""
        queue = self._queue
        pieces: list[bytes] = []
        while queue:
            piece = queue.popleft()
            if piece is None:
                return b"".join(pieces), True
            if not isinstance(piece, bytes):
                raise Malformed("a head in the middle of a body")
            pieces.append(piece)
        return b"".join(pieces), False

    async def more(self) -> None:
        """Wait until more of the body has arrived, or its end."""
        while not self._queue:
            data = await self.wire.read()
            if data:
                self._feed(data)
            elif self._until_close:
                self._queue.append(None)
            else:
                raise ConnectionEnded

    # What the parser calls, for requests and responses alike.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; trailers, which Kubernetes does not know, are dropped."""
        if not self._in_body:
            self._headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        """Collect a piece of the body."""
        self._queue.append(body)

    def on_message_complete(self) -> None:
        """Mark the end, and be ready for the next message."""
        self._queue.append(None)
        self._headers = []
        self._in_body = False

    def _parse(self, parser: httptools.HttpRequestParser | httptools.HttpResponseParser, data: bytes) -> None:
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.beyond += data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            raise Malformed(str(error)) from error


class RequestReader(_Reader[RequestHead]):
    """Reads the requests of a client."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._target = b""
        self._parser = httptools.HttpRequestParser(self)

    def resume(self) -> None:
        """Go on with HTTP after a request for another protocol was turned down."""
        self._parser = httptools.HttpRequestParser(self)
        data, self.beyond = self.beyond, b""
        if data:
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        self._parse(self._parser, data)

    def on_url(self, url: bytes) -> None:
        """Collect the target; it may come in several pieces."""
        self._target += url

    def on_headers_complete(self) -> None:
        """Queue the head."""
        headers = tuple(self._headers)
        self._queue.append(
            RequestHead(
                method=self._parser.get_method().decode(),
                target=self._target.decode("latin-1"),
                version=self._parser.get_http_version(),
                headers=headers,
                keep_alive=self._parser.should_keep_alive(),
                upgrade=self._parser.should_upgrade(),
                chunked=_is_chunked(headers),
            )
        )
        self._target = b""
        self._in_body = True


class ResponseReader(_Reader[ResponseHead]):
    """Reads the response to one request; `bodiless` where that was HEAD."""

    def __init__(self, wire: Wire, *, bodiless: bool = False) -> None:
        super().__init__(wire)
        self._bodiless = bodiless
        self._reason = b""
        self._parser = httptools.HttpResponseParser(self)

    def _feed(self, data: bytes) -> None:
        self._parse(self._parser, data)

    def on_status(self, reason: bytes) -> None:
        """Collect the reason phrase; it may come in several pieces."""
        self._reason += reason

    def on_headers_complete(self) -> None:
        """Queue the head, and its end too where no body follows."""
        headers = tuple(self._headers)
        status = self._parser.get_status_code()
        chunked = _is_chunked(headers)
        self._queue.append(
            ResponseHead(
                status=status,
                reason=self._reason,
                version=self._parser.get_http_version(),
                headers=headers,
                keep_alive=self._keeps_alive(headers),
                chunked=chunked,
            )
        )
        self._reason = b""
        self._in_body = True
        if status < HTTPStatus.OK or status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
            return
        if self._bodiless:
            self._queue.append(None)
        else:
            self._until_close = not chunked and not _header(headers, b"content-length")

    def _keeps_alive(self, headers: Headers) -> bool:
        if self._bodiless:  # the parser expects a body, and takes its missing length for "until the end"
            return _header(headers, b"connection").lower() != "close"
        return self._parser.should_keep_alive()


def chunk(body: bytes) -> bytes:
    """Return a piece of a body as chunked transfer encoding wants it."""
    return b"%x\r\n%b\r\n" % (len(body), body) if body else b""


LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def _encode(first: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    lines = [first, *[b"%b: %b" % header for header in headers], b"", b""]
    return b"\r\n".join(lines)


def _header(headers: Headers, wanted: bytes) -> str:
    for name, value in headers:
        if name.lower() == wanted:
            return value.decode("latin-1")
    return ""


def _is_chunked(headers: Headers) -> bool:
    return "chunked" in _header(headers, b"transfer-encoding").lower()
