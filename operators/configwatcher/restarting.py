"""Sends outdated Pods away, no more at a time than may be missing, and waits for what takes their place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from operators.configwatcher.course import finished, in_words, written
from operators.configwatcher.expected import Expected
from operators.configwatcher.sending import Sending
from operators.configwatcher.spec import ConfigWatcherSpec, ConfigWatcherStatus, Rollout
from operators.configwatcher.targets import Room, Target, Targets, moment, next_to_go
from operators.configwatcher.workloads import Workloads
from rumpf import World
from rumpf.objects import Reference

_LOOK_AGAIN = 30.0
_SAID_EVERY = timedelta(seconds=5)
_ASKED_EVERY = timedelta(seconds=5)


@dataclass(frozen=True)
class _Step:
    """What the next step of a restart is decided by."""

    spec: ConfigWatcherSpec
    rollout: Rollout
    targets: Targets
    left: Sequence[Target]
    """Those that are still to be replaced."""
    world: World
    now: datetime

    @property
    def deadline(self) -> timedelta:
        return timedelta(seconds=self.spec.progress_deadline_seconds)

    @property
    def lacks(self) -> bool:
        """Whether any is missing or not at work of those that have been replaced."""
        outdated = {each.uid for each in self.left}
        owned = [each for each in self.targets.staying if each.owner]
        is_short = len(owned) < self.rollout.pods
        return is_short or any(not each.ready and each.uid not in outdated for each in owned)


@dataclass
class Restarting:
    """What is remembered of the restart that is under way, from look to look. It may be forgotten."""

    of: str = ""
    """When that restart began: what tells it from others."""
    touched: bool = False
    """Whether any Pod was."""
    left: int = 0
    progressed: datetime | None = None
    waited_until: datetime | None = None
    told: datetime | None = None
    whole_since: datetime | None = None
    """Since when all Pods have been Ready, and none is outdated."""
    rolled_out: set[str] = field(default_factory=set[str])
    hindered: dict[str, str] = field(default_factory=dict[str, str])
    """Why workloads replace no Pods though they are to, by the uids of the Pods' owners."""
    asked: datetime | None = None
    blocked: str = ""
    """Why no Pod can be sent away, if it is so."""
    is_kept: bool = False
    """Whether it waits only for those who keep it: no Pod that it replaced is missing."""
    is_resumed: bool = False
    """Whether a person has said that it may go on with what is there."""
    selector: str | None = None
    selects_others: bool = True
    """Whether other Pods are selected than when it last went on, or nobody knows."""
    workloads: Workloads = field(default_factory=Workloads)

    def __post_init__(self) -> None:
        """Have all parts speak of the same workloads."""
        self.expected = Expected(self.workloads)
        self.sending = Sending(self.workloads)

    def targets(self, pods: Sequence[Target], selector: str = "") -> Targets:
        """Return the Pods that a selector selects, without what is on its way out already."""
        if selector != self.selector:
            self.selector, self.selects_others = selector, True
            self.expected.forget()
        self.sending.gone &= {each.uid for each in pods if not each.leaving}
        mattering = [each for each in pods if each.matters]
        return Targets(mattering, frozenset(self.sending.gone))

    async def wanted(self, targets: Targets, patience: datetime, world: World) -> int:
        """Tell how many Pods ought to be at work, but for what cannot even start."""
        self.is_resumed = False
        return await self.expected.wanted(targets, patience, world)

    def waited(self, now: datetime) -> None:
        """Take note that it could not go on until now, for which the Pods can do nothing."""
        self.waited_until = now

    def resume(self) -> None:
        """Have it go on after a halt, with a new deadline."""
        self.of, self.is_resumed = "", True

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
        patience = now - timedelta(seconds=spec.progress_deadline_seconds)
        rollout = await self._counted(spec, rollout, targets, world=world, now=now)
        outdated = targets.outdated(status.outdated, moment(rollout.changed_at))
        left = [each for each in outdated if not each.is_stuck(patience)]
        if len(left) < self.left or self.progressed is None:
            self.progressed = now if self.touched or self.progressed else moment(rollout.progressed_at)
        if self.waited_until:
            self.progressed, self.waited_until = max(self.progressed, self.waited_until), None
        self.left = len(left)
        working = targets.at_work(left, spec.min_ready_seconds, now)
        whole = not left and targets.ready >= rollout.pods
        self.whole_since = (self.whole_since or now) if whole else None
        if self.whole_since and len(working) >= rollout.pods:
            return self._finished(status, rollout, targets, self.whole_since)
        step = _Step(spec, rollout, targets, left, world, now)
        if spec.strategy == "Rollout":
            await self._roll_out(step, everything=now >= self.progressed + step.deadline)
        else:
            room = Room.within(spec.max_unavailable, *self._intended(rollout, targets), working)
            if await self._send_away(step, room):
                self.progressed = now
        self.is_kept = bool(self.blocked) and not step.lacks
        if self.is_kept:
            self.progressed = now
        over = self.progressed + step.deadline
        if now >= over:
            # Some owners cannot be asked whether they want fewer Pods than before. Where all that are there
            # are new, and at work, it does no harm to believe it.
            if not left and len(working) >= await self.expected.at_least(rollout.pods, targets, world):
                return self._finished(status, rollout, targets, now)
            rollout = rollout.model_copy(update={"halted": True})
        else:
            world.again(min((over - now).total_seconds() + 0.05, _LOOK_AGAIN))
            settled = targets.settle_in(left, spec.min_ready_seconds, now)
            if settled is not None:
                world.again(settled + 0.05)
        self.selects_others = False
        return self._told(status.model_copy(update={"rollout": rollout}), rollout, left, now)

    def _intended(self, rollout: Rollout, targets: Targets) -> tuple[int, Mapping[str, int]]:
        """Return how many Pods there are to be, in all and of each owner: those too that cannot start.

        A restart does not wait for these, but they are not at work either. Where there is no node for one, it
        is one more than there were.
        """
        there = {
            uid: sum(1 for each in share.staying if each.has_a_node) for uid, share in targets.shares.items()
        }
        of_each = {uid: max(own, there.get(uid, 0)) for uid, own in self.expected.of_each.items()}
        return max(rollout.pods, sum(there.values())), of_each

    async def _counted(
        self,
        spec: ConfigWatcherSpec,
        rollout: Rollout,
        targets: Targets,
        *,
        world: World,
        now: datetime,
    ) -> Rollout:
        """Return it with as many Pods as ought to be at work by now."""
        patience = now - timedelta(seconds=spec.progress_deadline_seconds)
        self.expected.see(targets, patience, now)
        if self.of != rollout.started_at:
            await self.expected.take_over(rollout.pods, world)
            self._begin(rollout)
        if self.is_resumed:
            pods = await self.expected.at_least(rollout.pods, targets, world)
            self.is_resumed = False
        else:
            # A workload that is rolled out may have more Pods for a moment.
            grows = spec.strategy != "Rollout"
            pods = await self.expected.by_now(rollout.pods, targets, world, now, grows=grows)
        return rollout if pods == rollout.pods else rollout.model_copy(update={"pods": pods})

    def _begin(self, rollout: Rollout) -> None:
        self.of, self.touched, self.left, self.told = rollout.started_at, False, 0, None
        self.progressed = self.whole_since = self.asked = None
        self.blocked, self.is_kept = "", False
        self.rolled_out.clear()
        self.hindered.clear()
        self.sending.forget()

    def _finished(
        self, status: ConfigWatcherStatus, rollout: Rollout, targets: Targets, when: datetime
    ) -> ConfigWatcherStatus:
        self.expected.forget()
        return finished(status, rollout, targets, when)

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

    async def _roll_out(self, step: _Step, *, everything: bool) -> None:
        """Have the workloads of outdated Pods replace them.

        Those that cannot are asked again now and then, and `everything` once more before it is given up.
        """
        owners = {each.owner.uid: each.owner for each in step.left if each.owner}
        self.hindered = {uid: why for uid, why in self.hindered.items() if uid in owners}
        again = self.asked is None or step.now >= self.asked + _ASKED_EVERY
        changed, when = moment(step.rollout.changed_at), step.rollout.started_at
        for owner in sorted(owners.values(), key=str):
            is_first = owner.uid not in self.rolled_out
            if is_first or everything or (again and owner.uid in self.hindered):
                self.hindered.pop(owner.uid, None)
                if why := await self.workloads.restart(owner, changed, when, step.world):
                    self.hindered[owner.uid] = why
                self.rolled_out.add(owner.uid)
                self.touched, self.asked = True, step.now
            if is_first:
                await self._tell(owner, step)
        self.blocked = "; ".join(sorted(set(self.hindered.values())))
        if self.blocked:
            step.world.again(_ASKED_EVERY.total_seconds())

    async def _send_away(self, step: _Step, room: Room) -> bool:
        """Send Pods away, as many as may go; tell whether any went."""
        targets, world, now = step.targets, step.world, step.now
        allowed = self.sending.allowed(step.left, targets, world, now)
        chosen = next_to_go(targets, allowed, room=room, patience=now - step.deadline)
        before = len(self.sending.gone)
        try:
            evict = step.spec.strategy == "Evict"
            went = await self.sending.send(chosen, targets, evict=evict, world=world, now=now)
        finally:
            self.touched |= len(self.sending.gone) > before
        # A budget that only sets the pace does not block.
        self.blocked = "" if self.touched and step.lacks else self.sending.refused(targets)
        if self.blocked and len(went) < len(chosen):
            world.event("Blocked", self.blocked, type="Warning")
        owners = {each.owner.uid: each.owner for each in went if each.owner}
        for owner in sorted(owners.values(), key=str):
            await self._tell(owner, step)
        return bool(went)

    async def _tell(self, owner: Reference, step: _Step) -> None:
        """Say on a workload why its Pods are restarted."""
        workload = await self.workloads.of(owner, step.world)
        why = f"Pods are replaced because of {in_words(step.rollout.changes)}"
        step.world.event("ConfigChanged", why, about=workload or owner)
