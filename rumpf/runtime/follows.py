"""Objects that are watched only while somebody asks for them: those with certain labels, in one namespace.

Nothing is watched, kept or heard of all others. The first who asks has them listed; a watch keeps them as
they are, until nobody has asked for a while.
"""

import asyncio
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from rumpf.api import Api
from rumpf.kinds import Kind
from rumpf.runtime.reflector import Reflector
from rumpf.runtime.store import Entry, Key, Store

T = TypeVar("T")
Wake = Callable[[], None]
_SWEEP = 5.0


class _Asking(NamedTuple):
    until: float
    wake: Wake


class Selection(NamedTuple):
    """Which objects."""

    kind: Kind
    namespace: str
    labels: str


@dataclass
class Followed:
    """One selection that is followed."""

    reflector: Reflector
    store: Store
    listing: asyncio.Task[None]
    watching: asyncio.Task[None] | None = None
    filling: asyncio.Task[None] | None = None
    """Lists them once more, because nothing can be heard."""
    known_at: float = 0.0
    """When the last list was asked for that has come."""
    asking: dict[Hashable, _Asking] = field(default_factory=dict)
    """Who asks for them: until when, and how it is told."""
    made: dict[Hashable, dict[Key, tuple[Entry, Any]]] = field(default_factory=dict)
    """What was made of them, and of what exactly."""

    async def fill(self, since: float) -> None:
        """List them, not before `since`, together with whoever else needs it. Raises ApiError."""
        while self.known_at < since:
            if self.filling is None:
                self.filling = asyncio.create_task(self._fill(), name=f"list {self.reflector}")
            # Shielded: others wait for the same list.
            await asyncio.shield(self.filling)

    async def _fill(self) -> None:
        begun = asyncio.get_running_loop().time()
        try:
            await self.reflector.fill()
            self.known_at = begun
        finally:
            self.filling = None

    def end(self) -> list[asyncio.Task[None]]:
        """Follow them no more; return what ends by that."""
        tasks = [task for task in (self.listing, self.watching, self.filling) if task]
        for task in tasks:
            task.cancel()
        return tasks

    def each(self, make: Callable[[dict[str, Any]], T], mark: Hashable) -> list[T]:
        """Return what `make` makes of each object, by name; it is asked for those only that have changed."""
        before = self.made.get(mark, {})
        now: dict[Key, tuple[Entry, Any]] = {}
        for key in sorted(self.store):
            if entry := self.store.get(key):
                known = before.get(key)
                now[key] = known if known and known[0] is entry else (entry, make(entry.load()))
        self.made[mark] = now
        return [found for _, found in now.values()]


class Follows:
    """All selections that are followed now."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._followed: dict[Selection, Followed] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._followed)

    async def ask(self, what: Selection, who: Hashable, wake: Wake, *, keep: float) -> Followed:
        """Return the objects, as they are now; whoever asks is told of every change for `keep` seconds.

        Raises ApiError if they cannot be listed.
        """
        now = asyncio.get_running_loop().time()
        followed = self._followed.get(what)
        if followed is None:
            followed = self._followed[what] = self._begin(what)
            followed.known_at = now
            self._sweep_later()
        followed.asking[who] = _Asking(now + keep, wake)
        try:
            # Shielded: others may wait for the same list.
            await asyncio.shield(followed.listing)
        except BaseException:
            if _failed(followed.listing) and self._followed.get(what) is followed:
                del self._followed[what]
            raise
        if followed.watching is None:
            followed.watching = asyncio.create_task(followed.reflector.run(), name=str(followed.reflector))
        if followed.reflector.deaf_for:
            # What happened since is not known, and whoever asks decides by what is there now.
            await followed.fill(now)
        return followed

    async def close(self) -> None:
        """Follow nothing any more."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        tasks = [task for each in self._followed.values() for task in each.end()]
        self._followed.clear()
        for task in tasks:
            with suppress(asyncio.CancelledError, Exception):
                await task

    def _begin(self, what: Selection) -> Followed:
        store = Store()

        def changed(_: Key, __: Entry | None, ___: Entry | None) -> None:
            followed = self._followed.get(what)
            # What the first list brings is no news to whoever waits for it.
            if followed is not None and followed.listing.done():
                for asking in followed.asking.values():
                    asking.wake()

        reflector = Reflector(
            self._api, what.kind, store, changed, namespace=what.namespace, labels=what.labels
        )
        return Followed(reflector, store, asyncio.create_task(reflector.fill(), name=f"list {reflector}"))

    def _sweep_later(self) -> None:
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(_SWEEP, self._sweep)

    def _sweep(self) -> None:
        """End what nobody asks for any more."""
        self._sweeping = None
        now = asyncio.get_running_loop().time()
        for what, followed in list(self._followed.items()):
            followed.asking = {who: each for who, each in followed.asking.items() if each.until > now}
            is_awaited = followed.filling is not None or not followed.listing.done()
            if not followed.asking and not is_awaited:
                del self._followed[what]
                followed.end()
        if self._followed:
            self._sweep_later()


def _failed(task: asyncio.Task[None]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
