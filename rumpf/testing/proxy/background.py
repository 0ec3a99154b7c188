"""Runs the engine in a thread of its own, and lets other threads call into it."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from rumpf.errors import FaultError
from rumpf.testing.proxy.engine import Engine

T = TypeVar("T")


class Background:
    """An engine's thread and its event loop."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None

    def start(self, bind: str, port: int) -> int:
        """Start listening; return the port."""
        ready: Future[int] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._live(bind, port, ready)), name="rumpf-api-proxy", daemon=True
        )
        self._thread.start()
        try:
            return ready.result()
        except (OSError, OverflowError) as error:
            raise FaultError(
                f"cannot listen on {bind}: {error}",
                remedy="choose an address of this machine and a free port (0 takes any)",
                where="API proxy",
            ) from error

    async def _live(self, bind: str, port: int, ready: Future[int]) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        try:
            got = await self.engine.start(bind, port)
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            ready.set_exception(error)
            return
        ready.set_result(got)
        await self._end.wait()
        await self.engine.stop()

    def stop(self) -> None:
        """End everything in it, and the thread."""
        if self._loop is not None and self._end is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()

    def call(self, function: Callable[[], T]) -> T:
        """Run a function there, between two of the engine's turns; return its result."""

        async def turn() -> T:
            return function()

        return self.wait(turn())

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there; return its result."""
        if self._loop is None or threading.current_thread() is self._thread:
            work.close()
            raise FaultError(
                "the proxy cannot be called from its own thread",
                remedy="let `matching` judge by the request alone",
                where="API proxy",
            )
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
