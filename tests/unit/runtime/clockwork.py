"""An event loop whose time passes only when there is nothing to do: hours of waiting in milliseconds."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """Waits for nobody: the time that it was to wait has passed."""

    loop: "Clockwork"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everything waits for something that will never happen")
        self.loop.now += timeout
        if self.loop.now > self.loop.end:
            self.loop.end = float("inf")
            raise AssertionError("it has waited for days: what it waits for will never happen")
        return super().select(0)


class Clockwork(asyncio.SelectorEventLoop):
    """A loop with a clock of its own."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.end = 300_000.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now

    def freeze(self, seconds: float) -> None:
        """Let time pass without letting anything happen, as for a stopped process."""
        self.now += seconds


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a test in a clockwork."""
    with asyncio.Runner(loop_factory=Clockwork) as runner:
        return runner.run(main)


def clock() -> Clockwork:
    """The clockwork that we are in."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Clockwork)
    return loop
