"""Every request that was seen, in order, and who waits to see one."""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from rumpf.testing.proxy.record import Request, Select


class Underway(Protocol):
    """A request that is under way."""

    number: int

    def seen(self) -> Request:
        """Return what is known of it by now."""
        ...


@dataclass(eq=False)
class _Waiter:
    select: Select
    count: int
    answered: bool
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    found: dict[int, Request] = field(default_factory=dict[int, Request])

    def look_at(self, request: Request) -> None:
        if self.enough.is_set() or (self.answered and request.status is None):
            return
        if request.number in self.found or self.select(request):
            self.found[request.number] = request
            if len(self.found) >= self.count:
                self.enough.set()


class Journal:
    """Keeps all requests: as they are while they are under way, as they were when they had ended."""

    def __init__(self) -> None:
        self.writes = 0
        self.last = 0
        """The number of the latest request."""
        self._requests: dict[int, Request | Underway] = {}
        self._waiters: set[_Waiter] = set()

    def begin(self, request: Underway) -> int:
        """Keep a request that begins; return its number."""
        self.last += 1
        request.number = self.last
        self._requests[self.last] = request
        self.changed(request)
        return self.last

    def changed(self, request: Underway) -> None:
        """Tell who waits for something like it."""
        if self._waiters:
            now = request.seen()
            for waiter in self._waiters:
                waiter.look_at(now)

    def finished(self, request: Underway) -> None:
        """Keep what has become of it, unless it was cleared away meanwhile."""
        if request.number in self._requests:
            self._requests[request.number] = request.seen()
            self.changed(request)

    def count_write(self) -> int:
        """Count a write that has been received whole."""
        self.writes += 1
        return self.writes

    def requests(self, select: Select) -> tuple[Request, ...]:
        """Return the requests that are meant, in the order in which they began."""
        return tuple(request for request in self._all() if select(request))

    def clear(self) -> None:
        """Forget everything; numbers go on, the count of writes starts again."""
        self._requests.clear()
        self.writes = 0

    async def wait(
        self, select: Select, count: int, *, answered: bool, seconds: float
    ) -> tuple[Request, ...]:
        """Wait for so many requests; return what was found, which is fewer when time is up."""
        waiter = _Waiter(select, count, answered)
        for request in self._all():
            waiter.look_at(request)
        self._waiters.add(waiter)
        try:
            async with asyncio.timeout(seconds):
                await waiter.enough.wait()
        except TimeoutError:
            pass  # the caller says what was found, and what was not
        finally:
            self._waiters.discard(waiter)
        return tuple(waiter.found[number] for number in sorted(waiter.found))[:count]

    def _all(self) -> list[Request]:
        return [each if isinstance(each, Request) else each.seen() for each in self._requests.values()]
