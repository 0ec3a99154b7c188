"""The Pods of a ConfigWatcher: which of them matter, which run with an older content, which go next."""

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Self

from rumpf import Pod
from rumpf.objects import Reference
from rumpf.types import IntOrString

_SHORT = 13
_CLOCKS_DIFFER = timedelta(seconds=10)
"""So far the clock of a node may be from the API server's."""
_SERVERS_DIFFER = timedelta(seconds=2)
"""So far those of two API servers may be apart, whose times have whole seconds only."""
_FOR_EVER = "Always"
"""The restartPolicy of Pods that are meant to run for ever; others do their work, and end."""
_NO_NODE = {"Unschedulable", "SchedulingGated"}
_MIRROR = "kubernetes.io/config.mirror"
_OPERATOR = ("rumpf.dev/operator", "configwatcher")


@dataclass(frozen=True)
class Target:
    """What is to be known of a Pod."""

    name: str
    uid: str
    created: datetime
    started: datetime | None
    """When the first of its containers started; None if none is known to have."""
    ready: bool
    ready_since: datetime | None
    """When it became Ready, or ceased to be; None if it never was."""
    leaving: bool
    trouble: tuple[str, str] | None
    owner: Reference | None
    matters: bool
    """Whether it is one to restart, if it is owned: what is meant to end is not."""
    version: str = ""
    """Its version when it last changed."""

    @property
    def mark(self) -> str:
        """The first characters of its uid: what tells it from others in a status."""
        return self.uid[:_SHORT]

    @classmethod
    def of(cls, pod: Pod) -> Self:
        """Return it."""
        owner = pod.controller
        return cls(
            name=pod.name,
            uid=pod.uid,
            created=moment(str(pod.metadata["creationTimestamp"])),
            started=_started(pod),
            ready=pod.ready,
            ready_since=moment(str(since))
            if (since := pod.condition("Ready").get("lastTransitionTime"))
            else None,
            leaving=pod.deleting,
            trouble=pod.trouble,
            owner=owner,
            matters=_matters(pod, owner),
            version=str(pod.metadata.get("resourceVersion", "")),
        )

    @property
    def has_a_node(self) -> bool:
        """Whether it has been at work, or says of its containers why it is not."""
        return self.started is not None or (self.trouble is not None and self.trouble[0] not in _NO_NODE)

    def is_stuck(self, patience: datetime) -> bool:
        """Whether it cannot start, or has not for long: once it does it reads what is there then."""
        waits_long = self.trouble is not None or self.created < patience
        return self.started is None and not self.ready and waits_long

    def came_after(self, change: datetime) -> bool:
        """Whether it was created after a change, for sure: then it has read what is there now."""
        return self.created > change + _SERVERS_DIFFER

    def may_have_come_after(self, change: datetime) -> bool:
        """Whether its times do not tell if it was."""
        return change <= self.created <= change + _SERVERS_DIFFER

    def began_anew_after(self, change: datetime) -> bool:
        """Whether its containers were started after a change, for sure."""
        return self.started is not None and self.started > change + _CLOCKS_DIFFER

    def began_before(self, appearance: datetime, *, needs_it: bool) -> bool:
        """Whether it had started before something was there that had not been.

        Who needs that could not start without, so its own time tells. Of others it is taken to be so if it
        may be.
        """
        if self.started is None or self.came_after(appearance):
            return False
        return self.started < appearance + (timedelta(0) if needs_it else _CLOCKS_DIFFER)

    def settles_in(self, min_ready: int, now: datetime) -> float:
        """Tell in how many seconds it will have been Ready for long enough; none if it has been."""
        if not min_ready or self.ready_since is None:
            return 0
        # Kubernetes' times have no fractions: up to a second may have passed of it already.
        return (self.ready_since - now).total_seconds() + min_ready + 1


@dataclass(frozen=True)
class Share:
    """The Pods of one owner."""

    owner: Reference
    pods: list[Target] = field(default_factory=list[Target])
    """All of them, those on their way out among them."""
    staying: list[Target] = field(default_factory=list[Target])


@dataclass(frozen=True)
class Targets:
    """All Pods that a ConfigWatcher may restart."""

    pods: Sequence[Target]
    leaving: Collection[str] = ()
    """Uids of those that were sent away just now, whatever the watch says of them yet."""

    @cached_property
    def staying(self) -> Sequence[Target]:
        """Those that are not on their way out."""
        return [each for each in self.pods if not self._leaves(each)]

    @cached_property
    def shares(self) -> Mapping[str, Share]:
        """The Pods of each owner, by its uid."""
        found: dict[str, Share] = {}
        for each in self.pods:
            if each.owner:
                share = found.get(each.owner.uid)
                if share is None:
                    share = found[each.owner.uid] = Share(each.owner)
                share.pods.append(each)
                if not self._leaves(each):
                    share.staying.append(each)
        return found

    @property
    def ready(self) -> int:
        """How many of those whom an owner replaces are at work."""
        return sum(1 for each in self.staying if each.ready and each.owner)

    def at_work(self, outdated: Collection[Target], min_ready: int, now: datetime) -> Sequence[Target]:
        """Return those of them; of those that are no longer outdated, who has been for long enough."""
        old = {each.uid for each in outdated}
        return [
            each
            for each in self.staying
            if each.ready and each.owner and (each.uid in old or each.settles_in(min_ready, now) <= 0)
        ]

    def settle_in(self, outdated: Collection[Target], min_ready: int, now: datetime) -> float | None:
        """Tell in how many seconds the next of those that are at work has been for long enough."""
        old = {each.uid for each in outdated}
        waits = [
            each.settles_in(min_ready, now)
            for each in self.staying
            if each.ready and each.owner and each.uid not in old
        ]
        return min((wait for wait in waits if wait > 0), default=None)

    def wanted(self, patience: datetime) -> int:
        """Tell how many ought to be at work: those whom an owner replaces, but for what cannot even start."""
        return sum(1 for each in self.staying if each.owner and not each.is_stuck(patience))

    def outdated(self, marks: Collection[str], change: datetime) -> list[Target]:
        """Return those of them that are marked, and have not started after the change."""
        known = set(marks)
        return [each for each in self.staying if each.mark in known and not each.began_anew_after(change)]

    def before(self, change: datetime, newer: Collection[str] = ()) -> list[Target]:
        """Return those that have not started after a change; `newer`: uids of some of which that is known."""
        return [
            each
            for each in self.staying
            if not (each.uid in newer or each.came_after(change) or each.began_anew_after(change))
        ]

    def before_appearance(self, change: datetime, needing: Collection[str] = ()) -> list[Target]:
        """Return those that had started before something was there that had not been.

        `needing`: uids of those that cannot start without.
        """
        return [each for each in self.staying if each.began_before(change, needs_it=each.uid in needing)]

    def _leaves(self, target: Target) -> bool:
        return target.leaving or target.uid in self.leaving


@dataclass(frozen=True)
class Room:
    """How many Pods that are at work may go now."""

    in_all: int
    of_each: Mapping[str, int] = field(default_factory=dict[str, int])
    """Of each owner, by its uid; of one that is not named, as many as in all."""

    @classmethod
    def within(
        cls, limit: IntOrString, wanted: int, of_each: Mapping[str, int], at_work: Iterable[Target]
    ) -> Self:
        """Return how many may go where so many are wanted, of all and of each owner."""
        working = Counter(each.owner.uid for each in at_work if each.owner)
        missing = wanted - working.total()
        in_all = max(0, unavailable_at_most(limit, wanted) - max(0, missing))
        if len(of_each) == 1:
            return cls(in_all)
        return cls(
            in_all,
            {
                uid: max(0, _of_one_at_most(limit, own, wanted) - max(0, own - working[uid]))
                for uid, own in of_each.items()
            },
        )


def next_to_go(
    targets: Targets, outdated: Iterable[Target], *, room: Room, patience: datetime
) -> list[Target]:
    """Choose the Pods to send away now, so that no more are missing than may be.

    What does not work anyway goes at once: it says what is wrong with it, or was created before `patience`
    and is not ready. What is only starting is waited for.
    """
    started = (each for each in outdated if each.started is not None or each.ready)
    candidates = sorted(started, key=lambda each: (each.created, each.name))
    broken = [each for each in candidates if not each.ready and (each.trouble or each.created < patience)]
    bare = [each for each in candidates if each.ready and each.owner is None]
    ready = [each for each in candidates if each.ready and each.owner is not None]
    return [*broken, *bare, *_spread(ready, targets, room)]


def unavailable_at_most(limit: IntOrString, wanted: int) -> int:
    """Return how many Pods may be unavailable at a time."""
    if isinstance(limit, int):
        return limit
    return max(1, wanted * int(limit.removesuffix("%")) // 100)


def left_alone(targets: Targets, limit: IntOrString) -> list[Reference]:
    """Return the owners of whose Pods none is at work for a moment, while they are replaced."""
    counts = [(each.owner, len(each.staying)) for each in targets.shares.values() if each.staying]
    wanted = sum(count for _, count in counts)
    return [owner for owner, count in counts if _of_one_at_most(limit, count, wanted) >= count]


def moment(text: str) -> datetime:
    """Return a time that is written as the API does."""
    return datetime.fromisoformat(text)


def _of_one_at_most(limit: IntOrString, own: int, wanted: int) -> int:
    """Return how many of one owner's Pods may be unavailable at a time, where more are wanted in all.

    Its part of them; none is taken away whole unless all may be, or it has but one.
    """
    if isinstance(limit, str):
        return unavailable_at_most(limit, own)
    if limit >= wanted:
        return limit
    return max(1, min(own - 1, -(-limit * own // wanted)))


def _spread(ready: Sequence[Target], targets: Targets, room: Room) -> list[Target]:
    """Choose some, each time one of the owner of whom the largest part is at work."""
    queues: dict[str, list[Target]] = {}
    for each in reversed(ready):
        if each.owner:
            queues.setdefault(each.owner.uid, []).append(each)
    room_of = {uid: room.of_each.get(uid, room.in_all) for uid in queues}
    at_work = {uid: sum(1 for each in targets.shares[uid].staying if each.ready) for uid in queues}
    fullest = [(-at_work[uid] / len(targets.shares[uid].pods), uid) for uid in queues if room_of[uid]]
    heapq.heapify(fullest)
    chosen: list[Target] = []
    while fullest and len(chosen) < room.in_all:
        _, uid = heapq.heappop(fullest)
        chosen.append(queues[uid].pop())
        at_work[uid] -= 1
        room_of[uid] -= 1
        if queues[uid] and room_of[uid]:
            heapq.heappush(fullest, (-at_work[uid] / len(targets.shares[uid].pods), uid))
    return chosen


def _matters(pod: Pod, owner: Reference | None) -> bool:
    """Whether it is one to restart: not what ends by itself, a node's own, or the operator."""
    if (pod.get("spec", "restartPolicy") or _FOR_EVER) != _FOR_EVER or _MIRROR in pod.annotations:
        return False
    # One that is on its way out ends, too, and is still to be replaced.
    if pod.finished and not pod.deleting:
        return False
    key, value = _OPERATOR
    return pod.labels.get(key) != value and (owner is None or owner.kind.kind not in {"Job", "Node"})


def _started(pod: Pod) -> datetime | None:
    """Tell when the first of its containers started that still counts, the preparing ones among them."""
    found = [
        moment(str(started))
        for field in ("initContainerStatuses", "containerStatuses")
        for status in pod.get("status", field) or ()
        if (started := _began(status))
    ]
    return min(found, default=None)


def _began(status: Mapping[str, Mapping[str, Mapping[str, str]]]) -> str | None:
    for state in (status.get("state") or {}, status.get("lastState") or {}):
        for kind in ("running", "terminated"):
            if began := (state.get(kind) or {}).get("startedAt"):
                return began
    return None
