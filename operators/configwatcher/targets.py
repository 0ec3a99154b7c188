"""The Pods of a ConfigWatcher: which of them matter, which run with an older content, which go next."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from rumpf import Pod
from rumpf.objects import Reference
from rumpf.types import IntOrString

_SHORT = 13
_CLOCKS_DIFFER = timedelta(seconds=10)
"""So far the clock of a node may be from the API server's."""
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
    """Whether it is one to restart, if it is owned."""
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

    def is_stuck(self, patience: datetime) -> bool:
        """Whether it cannot start, or has not for long: once it does it reads what is there then."""
        waits_long = self.trouble is not None or self.created < patience
        return self.started is None and not self.ready and waits_long

    def is_newer_than(self, change: datetime) -> bool:
        """Whether it started after a change, by evidence: then it has read what is there now."""
        if self.created > change:
            return True
        return self.started is not None and self.started > change + _CLOCKS_DIFFER

    def settles_in(self, min_ready: int, now: datetime) -> float:
        """Tell in how many seconds it will have been Ready for long enough; none if it has been."""
        if not min_ready or self.ready_since is None:
            return 0
        # Kubernetes' times have no fractions: up to a second may have passed of it already.
        return (self.ready_since - now).total_seconds() + min_ready + 1


@dataclass(frozen=True)
class Targets:
    """All Pods that a ConfigWatcher may restart."""

    pods: Sequence[Target]
    leaving: Collection[str] = ()
    """Uids of those that were sent away just now, whatever the watch says of them yet."""

    @property
    def staying(self) -> list[Target]:
        """Those that are not on their way out."""
        return [each for each in self.pods if not self._leaves(each)]

    @property
    def ready(self) -> int:
        """How many of those whom an owner replaces are at work."""
        return sum(1 for each in self.staying if each.ready and each.owner)

    def at_work(self, outdated: Collection[Target], min_ready: int, now: datetime) -> int:
        """Tell how many of them are, of those that are no longer outdated who have been for long enough."""
        old = {each.uid for each in outdated}
        return sum(
            1
            for each in self.staying
            if each.ready and each.owner and (each.uid in old or each.settles_in(min_ready, now) <= 0)
        )

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
        return [each for each in self.staying if each.mark in known and not each.is_newer_than(change)]

    def before(self, change: datetime, newer: Collection[str] = ()) -> list[Target]:
        """Return those that have not started after a change; `newer`: uids of some of which that is known."""
        return [each for each in self.staying if each.uid not in newer and not each.is_newer_than(change)]

    def before_appearance(self, change: datetime) -> list[Target]:
        """Return those that had started before something was there that had not been.

        Who needed it could not start without; who waits for it will have read it.
        """
        return [each for each in self.staying if each.started is not None and each.started < change]

    def _leaves(self, target: Target) -> bool:
        return target.leaving or target.uid in self.leaving


def next_to_go(
    targets: Targets, outdated: Iterable[Target], *, missing: int, most: int, patience: datetime
) -> list[Target]:
    """Choose the Pods to send away now, so that at most so many are missing, where some are already.

    What does not work anyway goes at once: it says what is wrong with it, or was created before `patience`
    and is not ready. What is only starting is waited for.
    """
    started = (each for each in outdated if each.started is not None or each.ready)
    candidates = sorted(started, key=lambda each: (each.created, each.name))
    broken = [each for each in candidates if not each.ready and (each.trouble or each.created < patience)]
    bare = [each for each in candidates if each.ready and each.owner is None]
    room = max(0, most - max(0, missing))
    ready = [each for each in candidates if each.ready and each.owner is not None]
    return [*broken, *bare, *_spread(ready, targets, room)]


def unavailable_at_most(limit: IntOrString, wanted: int) -> int:
    """Return how many Pods may be unavailable at a time."""
    if isinstance(limit, int):
        return limit
    return max(1, wanted * int(limit.removesuffix("%")) // 100)


def left_alone(targets: Targets, limit: IntOrString) -> list[Reference]:
    """Return the owners of whose Pods none is at work for a moment, while they are replaced."""
    pods: dict[Reference, int] = {}
    for each in targets.staying:
        if each.owner:
            pods[each.owner] = pods.get(each.owner, 0) + 1
    at_once = unavailable_at_most(limit, sum(pods.values()))
    everything = sum(pods.values()) <= at_once
    return [owner for owner, count in pods.items() if count == 1 or everything]


def moment(text: str) -> datetime:
    """Return a time that is written as the API does."""
    return datetime.fromisoformat(text)


def _spread(ready: Sequence[Target], targets: Targets, room: int) -> list[Target]:
    """Choose some, each time one of the owner of whom the largest part is at work."""
    totals: dict[str, int] = {}
    at_work: dict[str, int] = {}
    for each in targets.pods:
        if each.owner:
            totals[each.owner.uid] = totals.get(each.owner.uid, 0) + 1
    for each in targets.staying:
        if each.owner and each.ready:
            at_work[each.owner.uid] = at_work.get(each.owner.uid, 0) + 1
    queues: dict[str, list[Target]] = {}
    for each in reversed(ready):
        if each.owner:
            queues.setdefault(each.owner.uid, []).append(each)
    chosen: list[Target] = []
    while len(chosen) < room and queues:
        fullest = max(sorted(queues), key=lambda uid: at_work[uid] / totals[uid])
        chosen.append(queues[fullest].pop())
        at_work[fullest] -= 1
        if not queues[fullest]:
            del queues[fullest]
    return chosen


def _matters(pod: Pod, owner: Reference | None) -> bool:
    """Whether it is one to restart: not what ends by itself, a node's own, or the operator."""
    # One that is on its way out ends, too, and is still to be replaced.
    if (pod.finished and not pod.deleting) or _MIRROR in pod.annotations:
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
