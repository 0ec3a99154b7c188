"""Faults that are on for a while: what they strike, how often, and that they end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self

from rumpf.errors import UsageError
from rumpf.testing.proxy.record import Request, Select

_ERRORS = range(400, 600)


@dataclass(eq=False)
class Rule:
    """Which requests a fault strikes, and how many of them. Lives in the proxy's loop."""

    selects: Select
    picky: bool
    """Whether the test's own function picks, which may want to see bodies."""
    times: int | None = None
    struck: list[int] = field(default_factory=list[int])
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def strikes(self, request: Request) -> bool:
        """Say whether this request is struck, and count it if so."""
        if self.times is not None and len(self.struck) >= self.times:
            return False
        if not self.selects(request):
            return False
        self.struck.append(request.number)
        return True


@dataclass(eq=False, kw_only=True)
class Refusal(Rule):
    """Answers in the API server's place."""

    code: int
    message: str | None
    reason: str | None
    retry_after: float | None

    def __post_init__(self) -> None:
        """Refuse what is no refusal; give 429 the header without which clients do not come back."""
        if self.code not in _ERRORS:
            raise UsageError(
                f"{self.code} is not an error",
                remedy="use 409, 429, 500, 503 or another from 400 to 599",
                where="API proxy",
            )
        if self.code == HTTPStatus.TOO_MANY_REQUESTS and self.retry_after is None:
            self.retry_after = 1.0


@dataclass(eq=False, kw_only=True)
class Delay(Rule):
    """Makes requests wait before they go on; without `seconds`, until the fault ends."""

    seconds: float | None

    async def wait(self) -> None:
        """Wait, at most until the fault ends."""
        try:
            async with asyncio.timeout(self.seconds):
                await self.over.wait()
        except TimeoutError:
            pass


@dataclass(eq=False, kw_only=True)
class Stall(Rule):
    """Lets nothing more of a watch through."""

    flow_again: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])


class Fault:
    """A fault that was switched on, and how to switch it off.

    It is on from the call that returned this, and goes off at the end of its `with` block, by `stop`, or
    with the proxy, whichever comes first.
    """

    def __init__(self, stop: Callable[[], None], requests: Callable[[], tuple[Request, ...]]) -> None:
        self._stop = stop
        self._requests = requests

    @property
    def requests(self) -> tuple[Request, ...]:
        """What it has struck so far."""
        return self._requests()

    @property
    def hits(self) -> int:
        """How many requests it has struck so far."""
        return len(self.requests)

    def stop(self) -> None:
        """Switch it off; once is enough."""
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
