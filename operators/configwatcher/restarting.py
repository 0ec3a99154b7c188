"""Sends outdated Pods away, no more at a time than may be missing, and waits for what takes their place."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from operators.configwatcher.course import finished, in_words, written
from operators.configwatcher.spec import ConfigWatcherSpec, ConfigWatcherStatus, Rollout
from operators.configwatcher.targets import Target, Targets, moment, next_to_go, unavailable_at_most
from operators.configwatcher.workloads import Workloads
from rumpf import Pod, World
from rumpf.errors import ApiError
from rumpf.objects import Reference

_NOT_FOUND, _BUSY, _BROKEN = 404, 429, 500
_AT_ONCE = 16
_NOBODY_COMES = timedelta(seconds=5)
"""If a Pod is not replaced for so long, its owner may want fewer than there were."""
_BUDGET_AGAIN = 5.0
_LOOK_AGAIN = 30.0
_SAID_EVERY = timedelta(seconds=5)


@dataclass
class Restarting:
    """What is remembered of the restart that is under way, from look to look. It may be forgotten."""

    of: str = ""
    """When that restart began: what tells it from others."""
    sent_away: dict[str, datetime] = field(default_factory=dict)
    """Uids of Pods that were sent away, until the watch says so."""
    touched: bool = False
    """Whether any Pod was."""
    left: int = 0
    progressed: datetime | None = None
    told: datetime | None = None
    short_since: datetime | None = None
    whole_since: datetime | None = None
    """Since when all Pods have been Ready, and none is outdated."""
    owners: set[Reference] = field(default_factory=set)
    rolled_out: set[str] = field(default_factory=set)
    blocked: str = ""
    """Why no Pod can be sent away, if it is so."""
    workloads: Workloads = field(default_factory=Workloads)

    def targets(self, pods: Sequence[Target]) -> Targets:
        """Return the Pods, without what is on its way out already."""
        there = {each.uid for each in pods if not each.leaving}
        self.sent_away = {uid: when for uid, when in self.sent_away.items() if uid in there}
        mattering = [each for each in pods if each.matters]
        return Targets(mattering, frozenset(self.sent_away))

    async def wanted(self, targets: Targets, patience: datetime, world: World) -> int:
        """Tell how many Pods ought to be at work, but for what cannot even start.

        While some are on their way out only their owners know whether others will take their place.
        """
        there = targets.wanted(patience)
        if len(targets.staying) == len(targets.pods):
            return there
        all_of_them = sum(1 for each in targets.pods if each.owner)
        stuck = sum(1 for each in targets.staying if each.owner) - there
        owners = {each.owner for each in targets.pods if each.owner}
        wanted = await self.workloads.wanted(owners, targets, world)
        # They may have others that are not selected.
        return max(there, min(wanted, all_of_them) - stuck)

    async def go_on(
        self,
        spec: ConfigWatcherSpec,
        status: ConfigWatcherStatus,
        rollout: Rollout,
        targets: Targets,
        *,
        world: World,
        now: datetime,
    ) -> ConfigWatcherStatus:
        """Do the next step of the restart; return the status after it."""
        if self.of != rollout.started_at:
            self._begin(rollout)
        deadline = timedelta(seconds=spec.progress_deadline_seconds)
        patience = now - deadline
        outdated = targets.outdated(status.outdated, moment(rollout.changed_at))
        left = [each for each in outdated if not each.is_stuck(patience)]
        if len(left) < self.left or self.progressed is None:
            self.progressed = now if self.touched or self.progressed else moment(rollout.progressed_at)
        self.left = len(left)
        self.owners |= {each.owner for each in targets.staying if each.owner}
        rollout = await self._fewer(rollout, targets, world, now)
        working = targets.at_work(left, spec.min_ready_seconds, now)
        whole = not left and targets.ready >= rollout.pods
        self.whole_since = (self.whole_since or now) if whole else None
        if self.whole_since and working >= rollout.pods:
            return finished(status, rollout, targets, self.whole_since)
        if spec.strategy == "Rollout":
            await self._roll_out(left, rollout, world)
        else:
            chosen = next_to_go(
                targets,
                left,
                missing=rollout.pods - working,
                most=unavailable_at_most(spec.max_unavailable, rollout.pods),
                patience=patience,
            )
            if await self._send_away(chosen, spec, rollout, world, now):
                self.progressed = now
        if self.blocked and not _lacks(targets, left, rollout.pods):
            # It is not the replacements that keep it.
            self.progressed = now
        if now >= self.progressed + deadline:
            rollout = rollout.model_copy(update={"halted": True})
        else:
            wait = (self.progressed + deadline - now).total_seconds()
            world.again(min(wait + 0.05, _LOOK_AGAIN))
            settled = targets.settle_in(left, spec.min_ready_seconds, now)
            if settled is not None:
                world.again(settled + 0.05)
        return self._told(status.model_copy(update={"rollout": rollout}), rollout, left, now)

    def _begin(self, rollout: Rollout) -> None:
        self.of, self.touched, self.left, self.told = rollout.started_at, False, 0, None
        self.progressed = self.short_since = self.whole_since = None
        self.blocked = ""
        self.owners.clear()
        self.rolled_out.clear()

    def _told(
        self, status: ConfigWatcherStatus, rollout: Rollout, left: Sequence[Target], now: datetime
    ) -> ConfigWatcherStatus:
        """Say how it gets on, now and then: each time costs a write."""
        if self.told is None:
            self.told = now
        marks = tuple(sorted(each.mark for each in left))
        if now < self.told + _SAID_EVERY or marks == status.outdated:
            return status
        self.told = now
        progressed = {"progressed_at": written(self.progressed or now)}
        return status.model_copy(update={"outdated": marks, "rollout": rollout.model_copy(update=progressed)})

    async def _fewer(self, rollout: Rollout, targets: Targets, world: World, now: datetime) -> Rollout:
        """Return it with as many Pods wanted as their owners want, if some are missing for a while."""
        if sum(1 for each in targets.staying if each.owner) >= rollout.pods:
            self.short_since = None
            return rollout
        self.short_since = self.short_since or now
        if now < self.short_since + _NOBODY_COMES:
            world.again(_NOBODY_COMES.total_seconds())
            return rollout
        self.short_since = now
        wanted = await self.workloads.wanted(self.owners, targets, world)
        return rollout.model_copy(update={"pods": min(rollout.pods, wanted)})

    async def _roll_out(self, left: Sequence[Target], rollout: Rollout, world: World) -> None:
        """Have the workloads of outdated Pods replace them; what was asked for once is not asked again."""
        for owner in sorted({each.owner for each in left if each.owner}, key=str):
            if owner.uid not in self.rolled_out:
                changed = moment(rollout.changed_at)
                self.blocked = await self.workloads.restart(owner, changed, rollout.started_at, world)
                self.rolled_out.add(owner.uid)
                self.touched = True
                await self._tell(owner, rollout, world)

    async def _send_away(
        self,
        chosen: Sequence[Target],
        spec: ConfigWatcherSpec,
        rollout: Rollout,
        world: World,
        now: datetime,
    ) -> bool:
        """Send Pods away; tell whether any went."""
        self.blocked = ""
        if not chosen:
            return False
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(target: Target) -> str:
            async with slots:
                return await _go(target, world, evict=spec.strategy == "Evict")

        said = await asyncio.gather(*(one(each) for each in chosen), return_exceptions=True)
        went = [each for each, why in zip(chosen, said, strict=True) if why == ""]
        for each in went:
            self.sent_away[each.uid] = now
        self.touched |= bool(went)
        for error in said:
            if isinstance(error, BaseException):
                raise error
        reasons = [why for why in said if isinstance(why, str) and why]
        self.blocked = reasons[0] if reasons else ""
        if self.blocked:
            world.event("Blocked", self.blocked, type="Warning")
            world.again(_BUDGET_AGAIN)
        for owner in sorted({each.owner for each in went if each.owner}, key=str):
            await self._tell(owner, rollout, world)
        return bool(went)

    async def _tell(self, owner: Reference, rollout: Rollout, world: World) -> None:
        """Say on a workload why its Pods are restarted."""
        workload = await self.workloads.of(owner, world)
        why = f"Pods are replaced because of {in_words(rollout.changes)}"
        world.event("ConfigChanged", why, about=workload or owner)


def _lacks(targets: Targets, left: Sequence[Target], wanted: int) -> bool:
    """Whether any is missing or not at work of those that have been replaced."""
    outdated = {each.uid for each in left}
    owned = [each for each in targets.staying if each.owner]
    return len(owned) < wanted or any(not each.ready and each.uid not in outdated for each in owned)


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
            return f"a PodDisruptionBudget keeps Pod {target.name}: {error.what}"
        if error.status == _BROKEN and "PodDisruptionBudget" in error.what:
            return f"Pod {target.name} cannot be evicted: {error.what}"
        raise
    return ""
