"""Tells people what happened to an object, as Kubernetes Events, without ever holding up the work.

Told in the background, in the order they come, and when there is nothing better to do. What is told again is
not posted again: the Event that is there counts up. Nothing depends on an Event arriving: where the API
server refuses, or too much is to be told, some are lost, and counted as lost.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self

from rumpf.errors import ApiError
from rumpf.kinds import Kind
from rumpf.resource import ObjectMeta
from rumpf.runtime.pauses import Pauses
from rumpf.runtime.series import EVENT, Author, EventType, Series

__all__ = ["EVENT", "EventApi", "Limits", "Recorder"]

Outcome = Literal["posted", "counted", "dropped", "limited", "failed"]
Json = dict[str, Any]

_LOG = logging.getLogger(__name__)
_MERGE = "application/merge-patch+json"
_CONFLICT, _NOT_FOUND, _TOO_MANY, _SERVER_ERROR = 409, 404, 429, 500
_TRIES = 8
_GLANCE = 0.1


class EventApi(Protocol):
    """What a recorder asks of the API server; a refusal or no answer is an ApiError."""

    async def request(self, method: str, path: str, body: object = None, *, content_type: str = ...) -> Json:
        """Ask for something; return the answer."""
        ...


@dataclass(frozen=True)
class Limits:
    """How much is told, and how fast. Times are in seconds."""

    waiting: int = 10_000
    """So many may wait to be told; then the oldest are dropped."""
    patience: float = 10.0
    """So long an Event waits for the work to calm down, and is then told in spite of it."""
    window: float = 360.0
    """The same again within so long counts up."""
    remembered: int = 2_048
    """So many Events are remembered, to tell whether one is the same again."""
    count_every: float = 10.0
    """An Event that counts up is brought up to date this often, at most."""
    burst: int = 25
    """So many different Events about one object are told at once,"""
    refill: float = 20.0
    """and one more whenever so long has passed."""
    flush: float = 3.0
    """So long it takes, at most, to tell at the end what still waits."""


class Recorder:
    """Tells what it is given to `note`, while it is entered; on leaving, the rest, within a limit.

    `noted` is told what became of each. While `busy` says so, Events wait, for some time.
    """

    def __init__(
        self,
        api: EventApi,
        controller: str,
        instance: str,
        *,
        noted: Callable[[Outcome], None] = lambda _: None,
        busy: Callable[[], bool] = lambda: False,
        limits: Limits | None = None,
    ) -> None:
        self._api = api
        self._author = Author(controller, instance)
        self._noted = noted
        self._busy = busy
        self._limits = limits or Limits()
        self._known: OrderedDict[tuple[str, ...], Series] = OrderedDict()
        self._allowances: OrderedDict[str, _Allowance] = OrderedDict()
        self._waiting: deque[Series] = deque()
        self._some, self._none = asyncio.Event(), asyncio.Event()
        self._none.set()
        self._hurry = False
        self._telling: asyncio.Task[None] | None = None
        self._refusals: set[str] = set()

    @property
    def waiting(self) -> int:
        """How many wait to be told."""
        return len(self._waiting)

    def note(
        self,
        kind: Kind,
        metadata: ObjectMeta,
        event_type: EventType,
        reason: str,
        message: str,
        *,
        action: str = "Reconcile",
    ) -> None:
        """Have people told of something that happened to an object. Returns at once."""
        now = _now()
        key = (metadata.uid or f"{metadata.namespace}/{metadata.name}", event_type, reason, message, action)
        known = self._known.get(key)
        if known is not None and now - known.last_noted < self._limits.window:
            self._known.move_to_end(key)
            known.again(now)
            self._count_up(known, now)
            return
        if not self._allows(key[0], now):
            self._noted("limited")
            return
        made = Series(key, kind, metadata, now)
        self._known[key] = made
        self._known.move_to_end(key)
        if len(self._known) > self._limits.remembered:
            self._known.popitem(last=False)
        self._queue(made)

    async def flush(self, limit: float) -> None:
        """Tell all that waits, however busy it is; give up after so many seconds."""
        self._hurry = True
        for known in self._known.values():
            if known.timer is not None:
                known.timer.cancel()
                known.timer = None
                self._queue(known)
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._none.wait()
        self._hurry = False

    async def __aenter__(self) -> Self:
        self._telling = asyncio.create_task(self._tell_all(), name="events")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.flush(self._limits.flush)
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.wait({self._telling})
        for _unsaid in self._waiting:
            self._noted("dropped")
        self._waiting.clear()
        for known in self._known.values():
            if known.timer is not None:
                known.timer.cancel()

    def _allows(self, uid: str, now: float) -> bool:
        allowance = self._allowances.get(uid)
        if allowance is None:
            allowance = self._allowances[uid] = _Allowance(self._limits.burst, now)
            if len(self._allowances) > self._limits.remembered:
                self._allowances.popitem(last=False)
        self._allowances.move_to_end(uid)
        return allowance.take(now, self._limits)

    def _queue(self, series: Series) -> None:
        series.queued = True
        series.queued_at = _now()
        self._waiting.append(series)
        if len(self._waiting) > self._limits.waiting:
            self._drop(self._waiting.popleft(), "dropped")
        self._some.set()
        self._none.clear()

    def _count_up(self, series: Series, now: float) -> None:
        """Have the count brought up to date: now, or when that is due again."""
        if series.queued or series.timer is not None:
            return
        wait = series.told_at + self._limits.count_every - now
        if wait <= 0 or self._hurry:
            self._queue(series)
            return

        def due() -> None:
            series.timer = None
            self._queue(series)

        series.timer = asyncio.get_running_loop().call_later(wait, due)

    def _drop(self, series: Series, outcome: Outcome) -> None:
        series.queued = False
        if not series.told and self._known.get(series.key) is series:
            # If it happens again it is news.
            del self._known[series.key]
        self._noted(outcome)

    async def _tell_all(self) -> None:
        while True:
            await self._some.wait()
            await self._until_calm()
            if not self._waiting:
                self._some.clear()
                self._none.set()
                continue
            series = self._waiting.popleft()
            try:
                await self._tell(series)
            except asyncio.CancelledError:
                self._drop(series, "dropped")
                raise
            except Exception:  # noqa: BLE001 - the others are still to be told
                _LOG.exception("an Event cannot be told")
                self._drop(series, "failed")

    async def _until_calm(self) -> None:
        while self._waiting and self._busy() and not self._hurry:
            if _now() >= self._waiting[0].queued_at + self._limits.patience:
                return
            await asyncio.sleep(_GLANCE)

    async def _tell(self, series: Series) -> None:
        pauses = Pauses(0.5, 30.0)
        while True:
            count, is_new = series.count, not series.told
            try:
                if is_new:
                    count = await self._post(series)
                else:
                    await self._patch(series)
            except ApiError as error:
                if error.status == _NOT_FOUND and not is_new:
                    # It had its hour; a new one begins.
                    series.told = 0
                    continue
                passing = error.status in {0, _TOO_MANY} or error.status >= _SERVER_ERROR
                if not passing or pauses.tries >= _TRIES:
                    self._refused(error)
                    self._drop(series, "failed")
                    return
                await asyncio.sleep(pauses.next(error.retry_after))
                continue
            series.queued = False
            series.told, series.told_at = count, _now()
            self._noted("posted" if is_new else "counted")
            if series.count > count:
                self._count_up(series, series.told_at)
            return

    async def _post(self, series: Series) -> int:
        """Create the Event; return the count that it surely has."""
        count = series.count
        try:
            await self._api.request("POST", EVENT.path(series.namespace), series.event(self._author))
        except ApiError as error:
            if error.status != _CONFLICT:
                raise
            # Its name is its own: an earlier try came through, and the answer was lost.
            return 1
        return count

    async def _patch(self, series: Series) -> None:
        path = EVENT.path(series.namespace, series.name)
        await self._api.request("PATCH", path, series.progress(), content_type=_MERGE)

    def _refused(self, error: ApiError) -> None:
        """Log each kind of refusal once: what is refused now will be refused the next time."""
        kind = f"{error.status} {error.reason}"
        if kind not in self._refusals:
            self._refusals.add(kind)
            _LOG.warning("Events are lost: %s", error.what)


class _Allowance:
    """How many more Events one object may have."""

    __slots__ = ("_at", "_left")

    def __init__(self, left: float, now: float) -> None:
        self._left = left
        self._at = now

    def take(self, now: float, limits: Limits) -> bool:
        self._left = min(self._left + (now - self._at) / limits.refill, limits.burst)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _now() -> float:
    return asyncio.get_running_loop().time()
