"""Which objects are to be reconciled, in what order: each at most once at a time, the urgent ones first."""

import asyncio
import heapq
from collections import deque
from collections.abc import Hashable
from enum import IntEnum
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Urgency(IntEnum):
    """Why a key is to be worked on."""

    ASKED = 0
    """A person changed something."""
    CHANGED = 1
    """Something else changed."""
    LOOK = 2
    """Nothing is known to have changed: a look after a start."""


_TURNS = (
    *(tuple(Urgency), (Urgency.CHANGED, Urgency.ASKED, Urgency.LOOK)) * 4,
    tuple(Urgency),
    tuple(reversed(Urgency)),
)
"""Who comes first, in turn. What was begun is gone on with while more is asked for, neither waits for all of
the other; a look after a start waits for both, but not for ever."""
_SPARE = 64


class Queue(Generic[K]):
    """Keys to work on. A key that comes again while it is worked on is worked on once more afterwards."""

    def __init__(self) -> None:
        self._lanes: tuple[deque[K], ...] = tuple(deque() for _ in Urgency)
        self._waiting: dict[K, Urgency] = {}
        self._active: dict[K, Urgency | None] = {}
        self._looks = 0
        """How many of those that wait are but looks."""
        self._looking: set[K] = set()
        """Who is worked on for no other reason."""
        self._later: list[tuple[float, int, K]] = []
        self._due: dict[K, float] = {}
        self._count = 0
        self._taken = 0
        self._timer: asyncio.TimerHandle | None = None
        self._idle: deque[asyncio.Future[None]] = deque()
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
        self._looks += (urgency == Urgency.LOOK) - (known == Urgency.LOOK)
        self._lanes[urgency].append(key)
        self._wake()

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
            idle = asyncio.get_running_loop().create_future()
            self._idle.append(idle)
            try:
                await idle
            except asyncio.CancelledError:
                if not idle.cancelled():
                    # It was called for a key that somebody else has to take now.
                    self._wake()
                raise

    def done(self, key: K) -> None:
        """Say that the work on a key is over."""
        again = self._active.pop(key)
        self._looking.discard(key)
        if again is not None:
            self.add(key, again)

    def forget(self, key: K) -> None:
        """Drop a look that was due later."""
        self._due.pop(key, None)

    def close(self) -> None:
        """Give out no more keys."""
        self._closed = True
        while self._idle:
            self._wake()
        if self._timer is not None:
            self._timer.cancel()

    @property
    def depth(self) -> int:
        """How many keys wait for a worker."""
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether there is other work than the one key that asks. Looks after a start are none: few write."""
        return len(self._waiting) > self._looks or len(self._active) - len(self._looking) > 1

    @property
    def active(self) -> int:
        """How many keys are being worked on."""
        return len(self._active)

    def _next(self) -> K | None:
        for urgency in _TURNS[self._taken % len(_TURNS)]:
            lane = self._lanes[urgency]
            while lane:
                key = lane.popleft()
                if self._waiting.get(key) == urgency:
                    del self._waiting[key]
                    self._taken += 1
                    if urgency == Urgency.LOOK:
                        self._looks -= 1
                        self._looking.add(key)
                    return key
        return None

    def _wake(self) -> None:
        """Call one worker of those that wait."""
        while self._idle:
            idle = self._idle.popleft()
            if not idle.done():
                idle.set_result(None)
                return

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
