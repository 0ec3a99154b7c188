"""Sends Pods away. Where a PodDisruptionBudget refuses, it is not asked again at once."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from operators.configwatcher.targets import Target, Targets
from operators.configwatcher.workloads import Workloads
from rumpf import Pod, World
from rumpf.errors import ApiError

_NOT_FOUND, _BUSY, _BROKEN = 404, 429, 500
_AT_ONCE = 16
_AGAIN = timedelta(seconds=5)
_SOON = timedelta(seconds=1)
"""A Pod that is Ready may go to a budget's account a moment later."""


@dataclass(frozen=True)
class _Refusal:
    """That one of an owner's Pods may not go, and with it none of the others."""

    why: str
    ready: int
    """How many of them were at work then: with more of them the budget may let one go."""
    until: datetime

    def holds(self, ready: int, now: datetime) -> bool:
        return now < self.until and ready <= self.ready


@dataclass
class Sending:
    """What is remembered of the Pods that were sent away, or could not be, in one restart."""

    workloads: Workloads
    gone: set[str] = field(default_factory=set[str])
    """Uids of Pods that were sent away, until the watch says so."""
    _refusals: dict[str, _Refusal] = field(default_factory=dict[str, _Refusal])
    """By the uid of the owner; of the Pod, if nobody owns it."""

    def forget(self) -> None:
        """Forget all refusals: another restart begins."""
        self._refusals.clear()

    def allowed(
        self, outdated: Sequence[Target], targets: Targets, world: World, now: datetime
    ) -> list[Target]:
        """Return those of whom it may be asked now whether they may go."""
        there = {_whose(each) for each in outdated}
        self._refusals = {uid: each for uid, each in self._refusals.items() if uid in there}
        kept = {uid: each for uid, each in self._refusals.items() if each.holds(_ready_of(uid, targets), now)}
        if kept:
            world.again((min(each.until for each in kept.values()) - now).total_seconds() + 0.05)
        return [each for each in outdated if _whose(each) not in kept]

    def refused(self, targets: Targets) -> str:
        """Say why Pods cannot go; not of owners who have more at work than when it was asked."""
        why = {each.why for uid, each in self._refusals.items() if _ready_of(uid, targets) <= each.ready}
        return "; ".join(sorted(why))

    async def send(
        self, chosen: Iterable[Target], targets: Targets, *, evict: bool, world: World, now: datetime
    ) -> list[Target]:
        """Send Pods away; return those that went. A request that fails is raised when all are over."""
        groups: dict[str, list[Target]] = {}
        for each in chosen:
            groups.setdefault(_whose(each), []).append(each)
        slots = asyncio.Semaphore(_AT_ONCE)
        went: list[Target] = []
        told: dict[str, tuple[Target, str]] = {}

        async def lane(uid: str, waiting: Iterable[Target]) -> None:
            for each in waiting:
                async with slots:
                    if uid in told:
                        return
                    why = await _go(each, world, evict=evict)
                if why:
                    told.setdefault(uid, (each, why))
                    return
                went.append(each)
                self.gone.add(each.uid)

        lanes = [
            lane(uid, waiting)
            for uid, group in groups.items()
            # Where a budget has said no it will again, and soon.
            for waiting in [iter(group)]
            for _ in range(1 if uid in self._refusals else min(_AT_ONCE, len(group)))
        ]
        ends = await asyncio.gather(*lanes, return_exceptions=True)
        for uid in groups:
            before = self._refusals.pop(uid, None)
            if uid in told:
                left = _ready_of(uid, targets) - sum(1 for each in went if _whose(each) == uid)
                lifted = before is not None and _ready_of(uid, targets) > before.ready
                pause = _SOON if lifted else _AGAIN
                self._refusals[uid] = _Refusal(await self._reason(*told[uid], world), left, now + pause)
                world.again(pause.total_seconds() + 0.05)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return went

    async def _reason(self, target: Target, why: str, world: World) -> str:
        if target.owner is None:
            return f"Pod {target.name}: {why}"
        return f"Pods of {await self.workloads.of(target.owner, world) or target.owner}: {why}"


def _whose(target: Target) -> str:
    return target.owner.uid if target.owner else target.uid


def _ready_of(uid: str, targets: Targets) -> int:
    share = targets.shares.get(uid)
    return sum(1 for each in share.staying if each.ready) if share else 0


async def _go(target: Target, world: World, *, evict: bool) -> str:
    """Send a Pod away; return why it cannot be just now, or nothing."""
    path = Pod.kind.path(world.namespace, target.name)
    exactly = {"preconditions": {"uid": target.uid}}
    try:
        if evict:
            await world.request(
                "POST",
                f"{path}/eviction",
                {
                    "apiVersion": "policy/v1",
                    "kind": "Eviction",
                    "metadata": {"name": target.name, "namespace": world.namespace},
                    "deleteOptions": exactly,
                },
            )
        else:
            await world.request("DELETE", path, exactly)
    except ApiError as error:
        if error.status == _NOT_FOUND:
            return ""
        if error.status == _BUSY and "DisruptionBudget" in error.causes:
            return f"a PodDisruptionBudget keeps them: {error.details or error.what}"
        if error.status == _BROKEN and "PodDisruptionBudget" in error.what:
            return f"they cannot be evicted: {error.what}"
        raise
    return ""
