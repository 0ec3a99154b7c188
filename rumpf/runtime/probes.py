"""What the process answers over HTTP: /metrics, /healthz (is it alive), /readyz (has it seen everything).

Served by the same event loop that the work is done in, so one that is stuck does not answer in time, and that
too is a failed probe. Says nothing about objects, and nothing to anybody who would change something.
"""

import asyncio
import errno
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Protocol, Self

from aiohttp import web

from rumpf.errors import UsageError

Check = Callable[[], str | None]
"""Returns what is wrong, in a few words; None if all is well. Quick: the loop waits for it."""

_REMEMBERED: Final = 10
_PLAIN: Final = "text/plain; charset=utf-8"


class Readable(Protocol):
    """What can be scraped."""

    def text(self, accept: str) -> tuple[bytes, str]:
        """Return all of it, and its content type."""
        ...


def heard_within(seconds: float, age: Callable[[], float]) -> Check:
    """Check that something was heard from in the last so many seconds."""

    def check() -> str | None:
        silent = age()
        return None if silent <= seconds else f"not heard for {silent:.0f} s, more than {seconds:.0f}"

    return check


class Heartbeat:
    """How late the event loop is: a timer every second, and by how much it missed its time.

    Found out as soon as the loop runs again, and remembered for ten beats, for a probe or two to see.
    """

    def __init__(self, allowed: float = 5.0, *, pulse: float = 1.0) -> None:
        self._allowed = allowed
        self._pulse = pulse
        self._late: deque[float] = deque(maxlen=_REMEMBERED)
        self._expected = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def lag(self) -> float:
        """The longest, of the last ten beats, that everybody had to wait for somebody."""
        return max(max(self._late, default=0.0), self._overdue() if self._timer else 0.0)

    def check(self) -> str | None:
        """Tell if that is more than is allowed."""
        lag = self.lag
        return None if lag <= self._allowed else f"stuck for {lag:.1f} s, more than {self._allowed:g}"

    def start(self) -> None:
        """Begin to beat."""
        loop = asyncio.get_running_loop()
        self._expected = loop.time() + self._pulse
        self._timer = loop.call_at(self._expected, self._beat)

    def stop(self) -> None:
        """Beat no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self) -> None:
        self._late.append(self._overdue())
        self.start()

    def _overdue(self) -> float:
        return max(asyncio.get_running_loop().time() - self._expected, 0.0)


class Probes:
    """A small web server, while it is entered. `healthy` and `ready` are checks by name; all must be well."""

    def __init__(
        self,
        address: tuple[str, int],
        *,
        metrics: Readable,
        healthy: Mapping[str, Check],
        ready: Mapping[str, Check],
        heartbeat: Heartbeat | None = None,
    ) -> None:
        self.heartbeat = heartbeat or Heartbeat()
        self._address = address
        self._metrics = metrics
        self._healthy = {"event loop": self.heartbeat.check, **healthy}
        self._ready = dict(ready)
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """Where it listens: of use where port 0 left the choice to the system."""
        addresses: list[tuple[str, int]] = self._runner.addresses if self._runner else []
        return addresses[0][1] if addresses else self._address[1]

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/metrics", self._show_metrics)
        app.router.add_get("/healthz", self._show_health)
        app.router.add_get("/readyz", self._show_readiness)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=1.0, keepalive_timeout=30.0
        )
        await self._runner.setup()
        host, port = self._address
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise _cannot_listen(host, port, error) from error
        self.heartbeat.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.heartbeat.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _show_metrics(self, request: web.Request) -> web.Response:
        body, content_type = self._metrics.text(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _show_health(self, _: web.Request) -> web.Response:
        return _answer(self._healthy)

    async def _show_readiness(self, _: web.Request) -> web.Response:
        return _answer(self._ready)


def _answer(checks: Mapping[str, Check]) -> web.Response:
    """One line a check, what is wrong first to see."""
    found = {name: check() for name, check in checks.items()}
    wrong = [f"[-] {name}: {problem}" for name, problem in found.items() if problem is not None]
    right = [f"[+] {name}" for name, problem in found.items() if problem is None]
    body = "\n".join((*wrong, *right, "failed" if wrong else "ok", ""))
    return web.Response(text=body, status=503 if wrong else 200, headers={"Content-Type": _PLAIN})


def _cannot_listen(host: str, port: int, error: OSError) -> UsageError:
    why = {
        errno.EADDRINUSE: "another process listens there",
        errno.EACCES: "this process may not listen on so low a port",
        errno.EADDRNOTAVAIL: "this machine has no such address",
    }.get(error.errno or 0, error.strerror or str(error))
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return UsageError(
        f"metrics and probes cannot be served at {shown}: {why}",
        where="RUMPF_HTTP",
        remedy="set it to a host:port that is free, or to nothing to serve none",
    )
