import asyncio
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from rumpf.errors import UsageError
from rumpf.runtime.metrics import Metrics
from rumpf.runtime.probes import Check, Heartbeat, Probes, heard_within

HERE = "127.0.0.1"


@asynccontextmanager
async def served(
    healthy: dict[str, Check] | None = None,
    ready: dict[str, Check] | None = None,
    heartbeat: Heartbeat | None = None,
) -> AsyncGenerator[tuple[Probes, aiohttp.ClientSession]]:
    probes = Probes(
        (HERE, 0),
        metrics=Metrics("message-operator"),
        healthy=healthy or {},
        ready=ready or {},
        heartbeat=heartbeat,
    )
    async with probes, aiohttp.ClientSession(f"http://{HERE}:{probes.port}") as session:
        yield probes, session


async def get(session: aiohttp.ClientSession, path: str, accept: str = "*/*") -> tuple[int, str, str]:
    async with session.get(path, headers={"Accept": accept}) as response:
        return response.status, response.headers["Content-Type"], await response.text()


def test_a_process_that_is_well_is_healthy_and_ready() -> None:
    async def story() -> None:
        async with served({"watch of messages": lambda: None}, {"caches": lambda: None}) as (_, session):
            assert await get(session, "/healthz") == (
                200,
                "text/plain; charset=utf-8",
                "[+] event loop\n[+] watch of messages\nok\n",
            )
            assert (await get(session, "/readyz"))[::2] == (200, "[+] caches\nok\n")

    asyncio.run(story())


def test_a_watch_that_was_not_heard_for_too_long_is_unhealthy_and_named() -> None:
    async def story() -> None:
        age = 299.0
        checks = {"watch of pods": lambda: None, "watch of messages": heard_within(300, lambda: age)}
        async with served(checks) as (_, session):
            assert (await get(session, "/healthz"))[0] == 200
            age = 301.0
            status, _, body = await get(session, "/healthz")
            assert status == 503
            assert body.splitlines()[0] == "[-] watch of messages: not heard for 301 s, more than 300"
            assert "[+] watch of pods" in body
            assert (await get(session, "/readyz"))[0] == 200

    asyncio.run(story())


def test_a_process_is_ready_when_everything_was_listed_and_healthy_before() -> None:
    async def story() -> None:
        listed = False
        async with served(ready={"caches": lambda: None if listed else "not listed yet"}) as (_, session):
            status, _, body = await get(session, "/readyz")
            assert (status, body) == (503, "[-] caches: not listed yet\nfailed\n")
            assert (await get(session, "/healthz"))[0] == 200
            listed = True
            assert (await get(session, "/readyz"))[0] == 200

    asyncio.run(story())


def test_a_loop_that_was_stuck_is_unhealthy_for_a_while_and_well_again_later() -> None:
    async def story() -> None:
        async with served(heartbeat=Heartbeat(0.3, pulse=0.05)) as (probes, session):
            assert (await get(session, "/healthz"))[0] == 200
            time.sleep(0.5)  # noqa: ASYNC251 - this is what is not to be done
            assert probes.heartbeat.lag >= 0.4
            status, _, body = await get(session, "/healthz")
            assert status == 503
            assert body.startswith("[-] event loop: stuck for 0.")
            async with asyncio.timeout(10):
                while probes.heartbeat.check():  # noqa: ASYNC110 - nothing tells
                    await asyncio.sleep(0.05)
            assert (await get(session, "/healthz"))[0] == 200
            assert probes.heartbeat.lag < 0.3

    asyncio.run(story())


def test_a_loop_that_is_stuck_does_not_answer_in_time() -> None:
    async def story() -> None:
        async with served() as (probes, _):
            reader, writer = await asyncio.open_connection(HERE, probes.port)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
            await writer.drain()
            stuck = asyncio.get_running_loop().create_task(_hold_up(0.5))
            begun = time.monotonic()
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            assert time.monotonic() - begun >= 0.4
            await stuck
            writer.close()

    async def _hold_up(seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - this is what is not to be done

    asyncio.run(story())


def test_metrics_come_as_openmetrics_or_as_text_as_the_reader_prefers() -> None:
    async def story() -> None:
        async with served() as (_, session):
            status, kind, body = await get(session, "/metrics", "application/openmetrics-text;version=1.0.0")
            assert (status, kind.split(";")[0]) == (200, "application/openmetrics-text")
            assert body.endswith("# EOF\n")
            status, kind, body = await get(session, "/metrics", "text/plain")
            assert (status, kind.split(";")[0]) == (200, "text/plain")
            assert 'rumpf_build_info{operator="message-operator"' in body

    asyncio.run(story())


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/", 404), ("POST", "/healthz", 405)])
def test_nothing_else_is_answered(method: str, path: str, status: int) -> None:
    async def story() -> None:
        async with served() as (_, session), session.request(method, path) as response:
            assert response.status == status

    asyncio.run(story())


def test_an_address_that_is_taken_is_an_error_that_names_it() -> None:
    async def story(port: int) -> None:
        with pytest.raises(UsageError) as caught:
            await Probes((HERE, port), metrics=Metrics("x"), healthy={}, ready={}).__aenter__()
        assert str(caught.value) == (
            f"RUMPF_HTTP: metrics and probes cannot be served at 127.0.0.1:{port}: another process listens "
            "there\n  -> set it to a host:port that is free, or to nothing to serve none"
        )

    with socket.create_server((HERE, 0)) as other:
        asyncio.run(story(other.getsockname()[1]))


def test_a_host_that_is_none_is_an_error_that_names_it() -> None:
    async def story() -> None:
        with pytest.raises(
            UsageError, match=r"cannot be served at 192\.0\.2\.1:8080: this machine has no such"
        ):
            await Probes(("192.0.2.1", 8080), metrics=Metrics("x"), healthy={}, ready={}).__aenter__()

    asyncio.run(story())


def test_nothing_listens_any_more_when_it_is_left() -> None:
    async def story() -> int:
        async with served() as (probes, _):
            return probes.port

    port = asyncio.run(story())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HERE, port), timeout=5)
