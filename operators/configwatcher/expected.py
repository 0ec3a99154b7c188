"""How many Pods ought to be at work: of each owner, and of all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from operators.configwatcher.targets import Targets
from operators.configwatcher.workloads import Workloads
from rumpf import World
from rumpf.objects import Reference

_NOBODY_COMES = timedelta(seconds=5)
"""If a Pod is not replaced for so long, its owner may want fewer than there were."""


@dataclass
class Expected:
    """What is remembered of it while a restart is under way.

    A Deployment, a StatefulSet or a DaemonSet is asked how many Pods it wants. Of owners whose kinds are not
    known nobody can tell: what they had is presumed to come back.
    """

    workloads: Workloads
    _owners: dict[str, Reference] = field(default_factory=dict[str, Reference])
    _most: dict[str, int] = field(default_factory=dict[str, int])
    """Of each owner, the most Pods that it had at a time."""
    _unseen: int = 0
    """How many more there ought to be than were seen: some were missing when this process took over."""
    _is_counted: bool = False
    """Whether this process has counted those that ought to be at work."""
    _looked: datetime | None = None
    _short_since: datetime | None = None

    @property
    def of_each(self) -> Mapping[str, int]:
        """How many ought to be at work of each owner, by its uid."""
        return self._most

    def forget(self) -> None:
        """Forget all: a restart is over, or other Pods are meant."""
        self._owners, self._most = {}, {}
        self._unseen, self._looked, self._short_since = 0, None, None

    def see(self, targets: Targets, patience: datetime, now: datetime) -> None:
        """Take note of the Pods that are there."""
        for uid, share in targets.shares.items():
            known = self._most.get(uid)
            self._most[uid] = max(
                known or 0,
                sum(
                    1
                    for each in share.staying
                    # One that came later may never start.
                    if (not each.is_stuck(patience) if known is None else each.ready or each.started)
                ),
            )
            self._owners[uid] = share.owner
        self._looked = now
        self.workloads.keep(self._owners)

    async def wanted(self, targets: Targets, patience: datetime, world: World) -> int:
        """Tell how many Pods ought to be at work as a restart begins, but for what cannot even start.

        Where some are missing that were there a moment ago, or are on their way out, only their owners know
        whether others will take their place.
        """
        if self._looked is None or self._looked < patience:
            self.forget()
        self._is_counted = True
        there = targets.wanted(patience)
        if not self._is_short(targets) and all(
            len(share.pods) == len(share.staying) for share in targets.shares.values()
        ):
            return there
        owners = {**self._owners, **{uid: share.owner for uid, share in targets.shares.items()}}
        asked = await self.workloads.wanted(owners.values(), world)

        def of(uid: str) -> int:
            had, share = self._most.get(uid), targets.shares.get(uid)
            has = len(share.pods) if share else 0
            if uid in asked:
                # It may have others that are not selected.
                return min(asked[uid], max(had or 0, has))
            return has if had is None else had

        stuck = sum(len(share.staying) for share in targets.shares.values()) - there
        return max(there, sum(map(of, owners)) - stuck)

    async def take_over(self, pods: int, world: World) -> None:
        """Take note of how many ought to be at work in a restart that this process may not have begun."""
        is_counted, self._is_counted = self._is_counted, False
        self._unseen = 0 if is_counted else max(0, pods - sum(self._most.values()))
        if self._unseen:
            asked = await self.workloads.wanted(self._owners.values(), world)
            for uid, count in asked.items():
                had = self._most[uid]
                self._most[uid] = max(had, min(count, had + self._unseen))

    async def by_now(self, pods: int, targets: Targets, world: World, now: datetime, *, grows: bool) -> int:
        """Tell how many ought to be at work by now, where it were so many before.

        More if there are more, and it `grows`; fewer if some have been missing for a while, and their owners
        want no more.
        """
        staying = [each for share in targets.shares.values() for each in share.staying]
        if grows:
            pods = max(pods, sum(1 for each in staying if each.ready or each.started))
        if len(staying) >= pods and not self._is_short(targets):
            self._short_since = None
            return pods
        self._short_since = self._short_since or now
        if now < self._short_since + _NOBODY_COMES:
            world.again(_NOBODY_COMES.total_seconds())
            return pods
        self._short_since = now
        short = [owner for uid, owner in self._owners.items() if self._lacks(uid, targets)]
        asked = await self.workloads.wanted(short, world)
        if self._sum(asked, targets) < pods:
            # It is not lost if others have it.
            asked |= await self.workloads.wanted(
                [owner for uid, owner in self._owners.items() if uid not in asked], world
            )
        for uid, count in asked.items():
            self._most[uid] = min(self._most[uid], max(count, _staying(uid, targets)))
        return min(pods, self._sum(asked, targets))

    def _sum(self, asked: Mapping[str, int], targets: Targets) -> int:
        """Tell how many Pods all owners want, of whom some said it."""
        unseen = self._unseen if any(not self.workloads.knows(each) for each in self._owners.values()) else 0
        shares = targets.shares
        return unseen + sum(
            asked.get(uid, max(most, len(shares[uid].pods) if uid in shares else 0))
            for uid, most in self._most.items()
        )

    async def at_least(self, pods: int, targets: Targets, world: World) -> int:
        """Tell how many ought to be at work if those whom nobody can ask want no more than they have."""
        asked = await self.workloads.wanted(self._owners.values(), world)
        for uid in self._owners:
            if uid not in asked:
                self._most[uid] = _staying(uid, targets)
        self._unseen = 0
        return min(pods, sum(asked.get(uid, self._most[uid]) for uid in self._owners))

    def _is_short(self, targets: Targets) -> bool:
        return any(self._lacks(uid, targets) for uid in self._owners)

    def _lacks(self, uid: str, targets: Targets) -> bool:
        return self._most[uid] > _staying(uid, targets)


def _staying(uid: str, targets: Targets) -> int:
    share = targets.shares.get(uid)
    return len(share.staying) if share else 0
