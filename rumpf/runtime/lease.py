"""Which of several replicas is at work: the one that holds a Lease, and nobody without it.

The holder renews the Lease; the others look at it, and take it when it has not changed for as long as it was
to last. That is counted from when they saw it change, by their own clock: no two machines' clocks are ever
compared. The holder counts from before it asked for the renewal, and up to an earlier deadline, so that it
has stopped before anybody can follow. It stops by the clock alone: no timer has to fire for it, so a process
that was frozen knows at once that its time is over.

Not promised: that a request which was sent while leading arrives before another leads. `Lease.remaining`
bounds how long such a request may take, and writes should say which object they mean (uid, resourceVersion).
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self

from rumpf.errors import ApiError
from rumpf.kinds import Kind
from rumpf.runtime.claim import Seen, Timing, claimed, cleared, steady
from rumpf.runtime.pauses import Pauses

__all__ = ["LEASE", "Lease", "LeaseApi", "Timing", "steady"]

LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases")

_LOG = logging.getLogger(__name__)
_NEVER = float("-inf")
_CONFLICT, _NOT_FOUND = 409, 404
_RELEASE_WITHIN = 2.0
_TRY_AGAIN_AFTER = 0.25
_HOLDER_TRIES_EVERY = 0.5
_NOTHING: Mapping[str, str] = {}

Json = dict[str, Any]


class LeaseApi(Protocol):
    """What a Lease asks of the API server; a refusal or no answer is an ApiError."""

    async def request(self, method: str, path: str, body: object = None, *, timeout: float = ...) -> Json:  # noqa: ASYNC109 - it is the request's own
        """Ask for something; return the answer."""
        ...


class Lease:
    """One replica's claim to lead: `async with` it campaigns, and at the end hands over to the next.

    `on_gain` and `on_loss` are called at once, in the event loop; they must not block. `on_loss` is told why.
    Leadership may be gained and lost any number of times, each time as a new `term`.
    """

    def __init__(  # noqa: PLR0913 - who, where, when, and whom to tell
        self,
        api: LeaseApi,
        namespace: str,
        name: str,
        identity: str,
        *,
        timing: Timing | None = None,
        on_gain: Callable[[], None] = lambda: None,
        on_loss: Callable[[str], None] = lambda _: None,
        labels: Mapping[str, str] = _NOTHING,
        clock: Callable[[], float] = steady,
    ) -> None:
        self.namespace = namespace
        self.name = name
        self.identity = identity
        """Ours. No other process may ever have the same, not even the next one of the same Pod."""
        self.timing = timing or Timing()
        self.term = 0
        """How often this process has gained it."""
        self._api = api
        self._on_gain = on_gain
        self._on_loss = on_loss
        self._labels = labels
        self._clock = clock
        self._seen = Seen(self.timing.duration, clock)
        self._held = False
        self._until = _NEVER
        self._gained, self._lost = asyncio.Event(), asyncio.Event()
        self._lost.set()
        self._watchdog: asyncio.TimerHandle | None = None
        self._campaigning: asyncio.Task[None] | None = None
        self._trouble = ""

    @property
    def leading(self) -> bool:
        """Whether this process leads: true only while nobody else can. Ask it before every write."""
        return self._held and self._clock() < self._until

    @property
    def remaining(self) -> float:
        """How many seconds it leads on, if it is not renewed: what a write may take at most."""
        return max(self._until - self._clock(), 0.0) if self._held else 0.0

    @property
    def holder(self) -> str:
        """Who was last seen to hold it; empty if nobody."""
        return self._seen.holder

    async def acquired(self) -> None:
        """Wait until this process leads."""
        while not self.leading:
            # In a process that was frozen the loss may not have been told yet.
            self._expire()
            await self._gained.wait()

    async def lost(self) -> None:
        """Wait until this process does not lead (any more)."""
        await self._lost.wait()

    async def __aenter__(self) -> Self:
        self._campaigning = asyncio.create_task(self._campaign(), name=f"lease {self.name}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.release()

    async def release(self) -> None:
        """Step down for good, and let the next one have it at once: within two seconds, or not at all.

        Whatever was begun while leading must have ended by then.
        """
        if self._campaigning is not None:
            self._campaigning.cancel()
            await asyncio.wait({self._campaigning})
            self._campaigning = None
        if self._held:
            self._lose("it is handed over")
            await self._hand_over()

    async def _campaign(self) -> None:
        pauses = Pauses(_TRY_AGAIN_AFTER, self.timing.duration / 2)
        while True:
            try:
                await self._try()
                pauses.reset()
                self._trouble = ""
                pause = self._calm_pause()
            except ApiError as error:
                self._tell(error.what)
                pause = pauses.next(error.retry_after)
                pause = min(pause, _HOLDER_TRIES_EVERY) if self._held else pause
            except Exception as error:  # noqa: BLE001 - who no longer tries would never lead again
                _LOG.exception("the Lease %s cannot be tried for", self.name)
                self._trouble = str(error)
                pause = pauses.next()
            await asyncio.sleep(pause)
            self._expire()

    def _calm_pause(self) -> float:
        jitter = random.uniform(0.9, 1.1)  # noqa: S311 - so that not all come at once
        if self._held:
            return self.timing.renew * jitter
        until_free = max(self._seen.free_at - self._clock(), 0.0) + 0.05 * jitter
        return min(self.timing.look * jitter, until_free)

    async def _try(self) -> None:
        """Renew it, or take it if it is free, or only take note of who has it."""
        if self._held and await self._take():
            return
        # A holder comes here if somebody wrote to it: perhaps we ourselves, and the answer was lost.
        await self._look()
        if self._seen.record is None:
            # Deleted by somebody: whoever had it does not know that yet.
            if self._seen.free or self._held:
                await self._create()
        elif self.holder in {"", self.identity} or self._seen.free:
            await self._take()
        elif self._held:
            self._lose(f"{self.holder} has it")

    async def _look(self) -> None:
        try:
            self._seen.see(await self._request("GET", self._path))
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise
            self._seen.forget()

    async def _create(self) -> None:
        begun = self._clock()
        wanted = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {"name": self.name, "namespace": self.namespace, "labels": dict(self._labels)},
            "spec": claimed({}, self.identity, self.timing),
        }
        try:
            made = await self._request("POST", LEASE.path(self.namespace), wanted)
        except ApiError as error:
            if error.status != _CONFLICT:
                raise
        else:
            self._have(made, begun)

    async def _take(self) -> bool:
        """Write our name into it; False if it is not as we saw it."""
        record = self._seen.record
        if record is None:
            return False
        begun = self._clock()
        wanted = {**record, "spec": claimed(self._seen.spec, self.identity, self.timing)}
        try:
            taken = await self._request("PUT", self._path, wanted)
        except ApiError as error:
            if error.status not in {_CONFLICT, _NOT_FOUND}:
                raise
            self._seen.forget()
            return False
        self._have(taken, begun)
        return True

    def _have(self, record: Json, begun: float) -> None:
        """It is ours, counted from when we asked for it: the answer may have taken long."""
        self._seen.see(record)
        self._until = begun + self.timing.deadline
        if self._clock() >= self._until:
            return
        if not self._held:
            self._gain()
        self._set_watchdog()

    def _gain(self) -> None:
        self._held = True
        self.term += 1
        self._lost.clear()
        self._gained.set()
        _LOG.info("%s leads: it holds the Lease %s", self.identity, self.name)
        try:
            self._on_gain()
        except Exception:  # noqa: BLE001 - the Lease goes on, whatever its user does
            _LOG.exception("what was to happen on leading failed")

    def _lose(self, reason: str) -> None:
        self._held = False
        self._until = _NEVER
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None
        self._gained.clear()
        self._lost.set()
        _LOG.info("%s leads no more: %s", self.identity, reason)
        try:
            self._on_loss(reason)
        except Exception:  # noqa: BLE001 - the Lease goes on, whatever its user does
            _LOG.exception("what was to happen on no longer leading failed")

    def _expire(self) -> None:
        """Lose it if its time is over."""
        if self._held and self._clock() >= self._until:
            trouble = f": {self._trouble}" if self._trouble else ""
            self._lose(f"it could not be renewed within {self.timing.deadline:g} s{trouble}")

    def _set_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._watchdog = asyncio.get_running_loop().call_later(self.remaining, self._bark)

    def _bark(self) -> None:
        self._expire()
        if self._held:
            # The loop's clock is a little ahead of ours.
            self._set_watchdog()

    async def _hand_over(self) -> None:
        try:
            async with asyncio.timeout(_RELEASE_WITHIN):
                if self._seen.record is None:
                    await self._look()
                while not await self._clear():
                    await self._look()
        except (ApiError, TimeoutError) as error:
            why = error.what if isinstance(error, ApiError) else "no answer in time"
            _LOG.info("the Lease %s is not handed over, it runs out by itself: %s", self.name, why)

    async def _clear(self) -> bool:
        """Take our name out of it; False if it is not as we saw it."""
        record = self._seen.record
        if record is not None and self.holder == self.identity:
            try:
                wanted = {**record, "spec": cleared(self._seen.spec)}
                self._seen.see(await self._request("PUT", self._path, wanted))
            except ApiError as error:
                if error.status != _CONFLICT:
                    raise
                self._seen.forget()
                return False
        return True

    async def _request(self, method: str, path: str, body: object = None) -> Json:
        limit = self.timing.deadline
        if self._held:
            # Half, so that there is time for another try.
            limit = max(min(self.remaining, limit / 2), 0.01)
        return await self._api.request(method, path, body, timeout=limit)

    @property
    def _path(self) -> str:
        return LEASE.path(self.namespace, self.name)

    def _tell(self, trouble: str) -> None:
        """Log what is new only: it is tried every second or so."""
        if trouble != self._trouble:
            _LOG.warning("the Lease %s: %s", self.name, trouble)
        self._trouble = trouble
