"""Which objects are to be reconciled, in what order: each at most once at a time, the urgent ones first."""

import asyncio
import heapq
from collections import deque
from collections.abc import Hashable
from enum import IntEnum
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Urgency(IntEnum):
    """What comes first."""

    ASKED = 0
    """A person changed something."""
    CHANGED = 1
    """Something else changed."""
    LOOK = 2
    """Nothing is known to have changed: a look after a start."""


_FAIR = 10
"""One of so many keys is not the most urgent one: who waits long is not to wait for ever."""
_SPARE = 64


class Queue(Generic[K]):
    """Keys to work on. A key that comes again while it is worked on is worked on once more afterwards."""

    def __init__(self) -> None:
        self._lanes: tuple[deque[K], ...] = tuple(deque() for _ in Urgency)
        self._waiting: dict[K, Urgency] = {}
        self._active: dict[K, Urgency | None] = {}
        self._later: list[tuple[float, int, K]] = []
        self._due: dict[K, float] = {}
        self._count = 0
        self._taken = 0
        self._timer: asyncio.TimerHandle | None = None
        self._available = asyncio.Event()
        self._closed = False

    def add(self, key: K, urgency: Urgency = Urgency.CHANGED) -> None:
        """Have a key worked on soon."""
        self._due.pop(key, None)
        if key in self._active:
            known = self._active[key]
            self._active[key] = urgency if known is None else min(known, urgency)
            return
        known = self._waiting.get(key)
        if known is not None and known <= urgency:
            return
        # One that becomes more urgent stands in two lanes: the later place is passed over.
        self._waiting[key] = urgency
        self._lanes[urgency].append(key)
        self._available.set()

    def add_later(self, key: K, seconds: float) -> None:
        """Have a key worked on after a while, unless it is before."""
        due = asyncio.get_running_loop().time() + seconds
        if key in self._waiting or self._due.get(key, due + 1) <= due:
            return
        self._due[key] = due
        self._count += 1
        if len(self._later) > 2 * len(self._due) + _SPARE:
            # Most of these were worked on before they were due.
            self._later = [each for each in self._later if self._due.get(each[2]) == each[0]]
            heapq.heapify(self._later)
        heapq.heappush(self._later, (due, self._count, key))
        if self._timer is None or self._later[0][0] == due:
            self._set_timer()

    async def take(self) -> K | None:
        """Return the next key, when there is one; None once the queue is closed. `done` must follow."""
        while True:
            if self._closed:
                return None
            key = self._next()
            if key is not None:
                self._active[key] = None
                return key
            self._available.clear()
            await self._available.wait()

    def done(self, key: K) -> None:
        """Say that the work on a key is over."""
        again = self._active.pop(key)
        if again is not None:
            self.add(key, again)

    def forget(self, key: K) -> None:
        """Drop a look that was due later."""
        self._due.pop(key, None)

    def close(self) -> None:
        """Give out no more keys."""
        self._closed = True
        self._available.set()
        if self._timer is not None:
            self._timer.cancel()

    @property
    def depth(self) -> int:
        """How many keys wait for a worker."""
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether there is other work than the one key that asks."""
        return bool(self._waiting) or len(self._active) > 1

    @property
    def active(self) -> int:
        """How many keys are being worked on."""
        return len(self._active)

    def _next(self) -> K | None:
        self._taken += 1
        order = reversed(Urgency) if self._taken % _FAIR == 0 else Urgency
        for urgency in order:
            lane = self._lanes[urgency]
            while lane:
                key = lane.popleft()
                if self._waiting.get(key) == urgency:
                    del self._waiting[key]
                    return key
        return None

    def _set_timer(self) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(self._later[0][0], self._ripen) if self._later else None

    def _ripen(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._later and self._later[0][0] <= now:
            due, _, key = heapq.heappop(self._later)
            if self._due.get(key) == due:
                self.add(key)
        self._set_timer()
