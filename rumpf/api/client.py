"""Requests to the API server: JSON in, JSON out, every refusal an ApiError with what the server said."""

import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final, Self

import aiohttp
import orjson

from rumpf import __version__
from rumpf.api.connection import Connection
from rumpf.errors import ApiError
from rumpf.kinds import Kind

Json = dict[str, Any]
Observe = Callable[[str, int, float], None]
"""Told of every request: its verb, its HTTP code (0: no answer), its seconds."""

MERGE: Final = "application/merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"
CREATE_ONLY: Final = "1"
"""The resourceVersion of an apply that may create and never change: no stored object has it."""
_PARALLEL = 64
_UNAUTHORIZED = 401
_BIGGEST_LINE = 2**24
_PLAIN: Mapping[str, str] = {}


class Api:
    """One API server, over a few connections that are kept open."""

    def __init__(
        self, connection: Connection, *, agent: str = "rumpf", observe: Observe | None = None
    ) -> None:
        self.connection = connection
        self._agent = f"{agent}/{__version__} (rumpf)"
        self._observe = observe
        self._session: aiohttp.ClientSession | None = None
        self._watching: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = self._new_session(_PARALLEL)
        # Each watch keeps a connection for itself, and there may be one for every kind and namespace.
        self._watching = self._new_session(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in (self._session, self._watching):
            if session is not None:
                await session.close()
        self._session = self._watching = None

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, str] = _PLAIN,
        content_type: str = "application/json",
        timeout: float = 30.0,  # noqa: ASYNC109 - it is the request's own
    ) -> Json:
        """Ask for something; return the answer. Raises ApiError with `status` (0: there was no answer)."""
        text = await self.read(method, path, body, params=params, content_type=content_type, timeout=timeout)
        answer: Json = orjson.loads(text) if text else {}
        return answer

    async def read(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, str] = _PLAIN,
        content_type: str = "application/json",
        timeout: float = 30.0,  # noqa: ASYNC109 - it is the request's own
        accept: str = "application/json",
    ) -> bytes:
        """Ask for something; return the answer as it came."""
        begun = monotonic()
        status = 0
        data = None if body is None else orjson.dumps(body)
        try:
            headers = self.connection.headers() | {"Accept": accept}
            if body is not None:
                headers["Content-Type"] = content_type
            async with _opened(self._session).request(
                method,
                self.connection.server + path,
                data=data,
                params=params or None,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=timeout),
            ) as response:
                text = await response.read()
                status = response.status
                if status >= 400:  # noqa: PLR2004 - the first of the refusals
                    raise self._refusal(status, text, method, path, response.headers.get("Retry-After"))
                return text
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(
                f"no answer to {method} {path}: {_words(error)}",
                where=self.connection.server,
                remedy="is the API server up, and reachable from here?",
            ) from error
        finally:
            if self._observe is not None:
                self._observe(_verb(method, content_type), status, monotonic() - begun)

    async def create(self, manifest: Mapping[str, Any], kind: Kind, *, manager: str) -> Json:
        """Create an object, and nothing else: ApiError 409 where its name is taken.

        It is less work for the API server than an apply, and as strict with unknown fields. But nothing is
        known of who wants which field: a later apply that leaves one out does not take it away.
        """
        return await self.request(
            "POST",
            kind.path(manifest["metadata"].get("namespace")),
            {"apiVersion": kind.api_version, "kind": kind.kind, **manifest},
            params={"fieldManager": manager, "fieldValidation": "Strict"},
        )

    async def apply(
        self,
        manifest: Mapping[str, Any],
        kind: Kind,
        *,
        manager: str,
        force: bool = True,
        subresource: str = "",
    ) -> Json:
        """Apply an object on the server's side: create it, or change the fields that it speaks of."""
        metadata = manifest["metadata"]
        return await self.request(
            "PATCH",
            kind.path(metadata.get("namespace"), metadata["name"], subresource),
            {"apiVersion": kind.api_version, "kind": kind.kind, **manifest},
            params={"fieldManager": manager, "force": "true" if force else "false"},
            content_type=APPLY,
        )

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str], *, silence: float = 90.0, accept: str = "application/json"
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a watch: an iterator over its lines. It ends with the server, or after a long silence."""
        begun = monotonic()
        status = 0
        try:
            async with _opened(self._watching).get(
                self.connection.server + path,
                params=params,
                headers=self.connection.headers() | {"Accept": accept},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=silence),
            ) as response:
                status = response.status
                if self._observe is not None:
                    self._observe("watch", status, monotonic() - begun)
                if status >= 400:  # noqa: PLR2004 - the first of the refusals
                    retry_after = response.headers.get("Retry-After")
                    raise self._refusal(status, await response.read(), "WATCH", path, retry_after)
                yield _lines(response.content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(
                f"the watch of {path} broke off: {_words(error)}",
                where=self.connection.server,
                remedy="is the API server up, and reachable from here?",
            ) from error

    def _refusal(self, status: int, text: bytes, method: str, path: str, retry_after: str | None) -> ApiError:
        if status == _UNAUTHORIZED:
            self.connection.refused()
        return _refusal(status, text, f"{method} {path}", retry_after)

    def _new_session(self, limit: int) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            ssl=self.connection.context or False,
            limit=limit,
            keepalive_timeout=60,
            socket_factory=_lively_socket,
        )
        return aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": self._agent},
            auto_decompress=True,
            skip_auto_headers=("Accept-Encoding",),
            read_bufsize=2**18,
            cookie_jar=aiohttp.DummyCookieJar(),
        )


def _opened(session: aiohttp.ClientSession | None) -> aiohttp.ClientSession:
    if session is None:
        raise RuntimeError("the API is used outside of its `async with`")
    return session


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in content.iter_any():
        if not rest and chunk.endswith(b"\n"):
            for line in chunk[:-1].split(b"\n"):
                yield line
            continue
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
        if len(rest) > _BIGGEST_LINE:
            raise ApiError("a line of a watch is over 16 MiB", remedy="watch less, or metadata only")


def _refusal(status: int, text: bytes, where: str, retry_after: str | None) -> ApiError:
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        said = {"message": text[:200].decode(errors="replace").strip()}
    remedy = {
        401: "log in again: the credentials are not valid, or no longer",
        403: "grant what is missing, or ask as somebody who may",
        404: "is the CRD installed, and the name right?",
        422: "change what the message names",
    }.get(status, "try again")
    details = said.get("details") or {}
    causes = details.get("causes") or ()
    seconds = retry_after or details.get("retryAfterSeconds")
    return ApiError(
        said.get("message") or f"HTTP {status}",
        where=where,
        remedy=remedy,
        status=status,
        reason=said.get("reason") or "",
        retry_after=float(seconds) if seconds and str(seconds).isdigit() else None,
        causes=tuple(str(cause.get("reason", "")) for cause in causes),
        details="; ".join(str(cause["message"]) for cause in causes if cause.get("message")),
    )


def _verb(method: str, content_type: str) -> str:
    return "apply" if content_type == APPLY else method.lower()


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _lively_socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket that notices within half a minute that the other end is gone, though nothing is sent."""
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        for option, value in (
            (socket.TCP_KEEPIDLE, 10),
            (socket.TCP_KEEPINTVL, 5),
            (socket.TCP_KEEPCNT, 3),
            (socket.TCP_USER_TIMEOUT, 25_000),
        ):
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made
