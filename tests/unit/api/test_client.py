"""The client against a real HTTP server."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from rumpf.api import Api, Connection, connect
from rumpf.errors import ApiError
from rumpf.kinds import Kind

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    """Serve on this machine; give the address."""
    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def with_token(folder: Path, server: str, token: Path) -> Connection:
    """Return the connection of a kubeconfig whose user has a token in a file."""
    config = {
        "clusters": [{"name": "a", "cluster": {"server": server}}],
        "users": [{"name": "a", "user": {"tokenFile": str(token)}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    return connect(str(path))


def test_requests_are_answered_however_many_watches_are_open() -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if "watch" not in request.query:
            return web.json_response({"kind": "List"})
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"type": "BOOKMARK"}\n')
        await asyncio.sleep(3600)
        return response

    async def main() -> None:
        async with (
            serving(answer) as server,
            Api(Connection(server, None)) as api,
            AsyncExitStack() as watches,
        ):
            for _ in range(100):
                lines = await watches.enter_async_context(api.stream("/watch", {"watch": "true"}))
                assert await anext(lines) == b'{"type": "BOOKMARK"}'
            assert await api.request("GET", "/list", timeout=5) == {"kind": "List"}

    asyncio.run(main())


def test_a_token_that_was_refused_is_read_anew(tmp_path: Path) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        known = request.headers["Authorization"] == "Bearer new"
        return web.json_response({"message": "Unauthorized"}, status=200 if known else 401)

    token = tmp_path / "token"
    token.write_text("old")

    async def main() -> None:
        async with serving(answer) as server, Api(with_token(tmp_path, server, token)) as api:
            with pytest.raises(ApiError, match="Unauthorized"):
                await api.request("GET", "/")
            token.write_text("new\n")
            await api.request("GET", "/")

    asyncio.run(main())


def test_credentials_that_cannot_be_read_are_a_refusal_like_any_other(tmp_path: Path) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        raise AssertionError("nobody is to be asked")

    async def main() -> None:
        async with serving(answer) as server, Api(with_token(tmp_path, server, tmp_path / "none")) as api:
            with pytest.raises(ApiError, match="No such file"):
                await api.request("GET", "/")
            with pytest.raises(ApiError, match="No such file"):
                async with api.stream("/", {}):
                    pass

    asyncio.run(main())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"message": "no", "reason": "Forbidden"}', "no"),
        ("<html>a proxy</html>", "a proxy"),
        ('"a word"', "a word"),
        ("[]", r"\[\]"),
        ("", "HTTP 503"),
    ],
)
def test_a_refusal_tells_what_was_said_whatever_that_is(body: str, said: str) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=body, status=503, headers={"Retry-After": "7"})

    async def main() -> None:
        async with serving(answer) as server, Api(Connection(server, None)) as api:
            with pytest.raises(ApiError, match=said) as raised:
                await api.request("GET", "/")
            assert (raised.value.status, raised.value.retry_after) == (503, 7.0)

    asyncio.run(main())


def test_lines_of_a_watch_are_whole_however_they_arrive() -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b"one\ntw", b"o", b"\n", b"three\nfour\n", b"not whole"):
            await response.write(piece)
            await asyncio.sleep(0.01)
        return response

    async def main() -> None:
        async with (
            serving(answer) as server,
            Api(Connection(server, None)) as api,
            api.stream("/", {}) as lines,
        ):
            assert [line async for line in lines] == [b"one", b"two", b"three", b"four"]

    asyncio.run(main())


def test_a_create_names_who_creates_and_is_strict_and_finds_its_collection() -> None:
    asked: list[tuple[str, str, dict[str, str], object]] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        asked.append((request.method, request.path, dict(request.query), await request.json()))
        return web.json_response({"metadata": {"name": "a"}}, status=201)

    async def main() -> None:
        manifest = {"metadata": {"name": "a", "namespace": "ns"}, "spec": {}}
        async with serving(answer) as server, Api(Connection(server, None)) as api:
            made = await api.create(manifest, Kind("", "v1", "Pod", "pods"), manager="me")
        assert made == {"metadata": {"name": "a"}}
        assert asked == [
            (
                "POST",
                "/api/v1/namespaces/ns/pods",
                {"fieldManager": "me", "fieldValidation": "Strict"},
                {"apiVersion": "v1", "kind": "Pod", **manifest},
            )
        ]

    asyncio.run(main())
