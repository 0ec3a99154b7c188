"""From one status to the next: what is recorded, what is to be done, what has been done. Nothing is asked."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from operators.configwatcher.content import changed_keys, written_at
from operators.configwatcher.gates import of_the_last_hour
from operators.configwatcher.sources import Sighting
from operators.configwatcher.spec import (
    MANUAL,
    Change,
    ConfigWatcher,
    ConfigWatcherSpec,
    ConfigWatcherStatus,
    Observed,
    Pending,
    Restart,
    Rollout,
)
from operators.configwatcher.targets import Targets, moment

_MOST_CHANGES = 64
_MOST_SAID = 5


class News(NamedTuple):
    """What a look at the sources brought up."""

    changes: tuple[Change, ...]
    changed_at: datetime
    """By the API server's clock; the last of them."""
    appeared: bool
    """Whether all that is new is sources that were not there before."""
    version: str = ""
    """Of the source that was written last; empty if nobody knows."""
    is_dated: bool = True
    """Whether the API server tells when that was; else it is taken for now, and tells nothing later."""


def in_order(version: str) -> int:
    """Return what orders the versions that an API server gives: numbers, as a rule."""
    return int(version) if version.isdecimal() else -1


def written(now: datetime) -> str:
    """Return a time as it stands in a status."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record(
    watcher: ConfigWatcher, sighting: Sighting, now: datetime
) -> tuple[ConfigWatcherStatus, News | None]:
    """Return the status with what the sources hold now, and what is new in that.

    A source that is seen for the first time is not news, nor are its keys if others matter now. One that is
    gone stays recorded as it was: when it is back with the same content, nothing has changed. One that may
    not be read is not recorded as missing: nobody knows whether it was there.
    """
    before = {each.id: each for each in watcher.status.sources}
    records: list[Observed] = []
    changes: list[Change] = []
    times: list[datetime] = []
    versions: list[str] = []
    appeared = is_dated = True
    for each, source in watcher.spec.sources:
        known, content = before.get(each), sighting.found.get(each)
        if content is None:
            if known and known.hash:
                records.append(known)
            elif each not in sighting.withheld:
                records.append(Observed(kind=each.kind, name=each.name, filter=source.keys))
            continue
        records.append(
            Observed(
                kind=each.kind,
                name=each.name,
                hash=content.hash,
                keys=dict(content.keys),
                filter=source.keys,
            )
        )
        if known is None or each in sighting.resalted:
            continue
        keys = changed_keys(known, content, source.keys)
        if keys is not None:
            changes.append(Change(kind=each.kind, name=each.name, keys=keys))
            when = written_at(known, content)
            is_dated &= when is not None
            times.append(when or _second(now))
            versions.append(content.version)
            appeared &= not known.hash
    status = watcher.status.model_copy(update={"sources": tuple(records)})
    if not changes:
        return status, None
    return status, News(tuple(changes), max(times), appeared, max(versions, key=in_order), is_dated)


def asked_for(value: str, now: datetime) -> News:
    """Return a restart that a person asked for as news."""
    return News((Change(kind=MANUAL, name=value[:63]),), _second(now), appeared=False, is_dated=False)


def to_do(
    status: ConfigWatcherStatus,
    news: News,
    targets: Targets,
    now: datetime,
    *,
    newer: Collection[str] = (),
    needing: Collection[str] = (),
) -> ConfigWatcherStatus:
    """Return the status with news to act upon, if any Pod runs without it, and what was under way.

    `newer`: uids of Pods that are known to be newer, though their times do not tell. `needing`: of those that
    cannot start without what is new.
    """
    changed_at = news.changed_at
    if not news.is_dated:
        # All that are there were there before: the API server's clock may be ahead of the one here.
        changed_at = max([changed_at, *(each.created for each in targets.staying)])
    if news.appeared:
        outdated = targets.before_appearance(changed_at, needing)
    else:
        outdated = targets.before(changed_at, newer)
    staying = {each.mark for each in targets.staying}
    marks = {*(staying & set(status.outdated)), *(each.mark for each in outdated)}
    so_far = status.pending or _again(status.rollout)
    pending = Pending(
        since=so_far.since if so_far else written(now),
        seen_at=written(now),
        changed_at=max(so_far.changed_at, written(changed_at)) if so_far else written(changed_at),
        changes=_merged((*(so_far.changes if so_far else ()), *news.changes)),
    )
    return status.model_copy(
        update={"outdated": tuple(sorted(marks)), "pending": pending if marks else None, "rollout": None}
    )


def interrupted(status: ConfigWatcherStatus) -> ConfigWatcherStatus:
    """Return the status with what is under way put back to what is to be done."""
    return status.model_copy(update={"pending": _again(status.rollout), "rollout": None})


def begun(
    spec: ConfigWatcherSpec,
    status: ConfigWatcherStatus,
    pending: Pending,
    targets: Targets,
    *,
    wanted: int,
    now: datetime,
) -> ConfigWatcherStatus:
    """Return the status with a restart under way; nothing is, if no outdated Pod is left.

    `wanted`: how many Pods ought to be at work.
    """
    outdated = targets.outdated(status.outdated, moment(pending.changed_at))
    if not outdated:
        return status.model_copy(update={"outdated": (), "pending": None})
    rollout = Rollout(
        started_at=written(now),
        seen_at=pending.seen_at,
        changed_at=pending.changed_at,
        changes=pending.changes,
        pods=wanted,
        outdated=len(outdated),
        progressed_at=written(now),
    )
    limited = (written(now),) if spec.max_restarts_per_hour else ()
    return status.model_copy(
        update={
            "outdated": tuple(sorted(each.mark for each in outdated)),
            "pending": None,
            "rollout": rollout,
            "begun_at": written(now),
            "restarts": (*of_the_last_hour(status.restarts, now), *limited),
            "pods": len(targets.staying),
        }
    )


def finished(
    status: ConfigWatcherStatus, rollout: Rollout, targets: Targets, now: datetime
) -> ConfigWatcherStatus:
    """Return the status after a restart."""
    took = now - moment(rollout.started_at)
    restart = Restart(
        started_at=rollout.started_at,
        finished_at=written(now),
        duration_seconds=round(took.total_seconds()),
        changes=rollout.changes,
        reason=in_words(rollout.changes),
        pods=rollout.outdated,
    )
    return status.model_copy(
        update={
            "outdated": (),
            "rollout": None,
            "last_restart": restart,
            "pods": len(targets.staying),
        }
    )


def in_words(changes: Sequence[Change]) -> str:
    """Return what changed as people say it: `ConfigMap webapp-config (message)`."""
    return few([_in_words(each) for each in changes])


def _second(now: datetime) -> datetime:
    """Return a time as the API server would have written it."""
    return now.replace(microsecond=0)


def _in_words(change: Change) -> str:
    if change.kind == MANUAL:
        return f"annotation restart={change.name}"
    if not change.keys:
        return f"{change.kind} {change.name}"
    return f"{change.kind} {change.name} ({few(change.keys)})"


def pods(count: int) -> str:
    """Return how many Pods, as people say it."""
    return f"{count} Pod" if count == 1 else f"{count} Pods"


def few(names: Sequence[str]) -> str:
    """Return names as people say them: not all, where there are many."""
    more = len(names) - _MOST_SAID
    return ", ".join(names[:_MOST_SAID]) + (f" and {more} more" if more > 0 else "")


def _again(rollout: Rollout | None) -> Pending | None:
    """Return a restart as it was before it began."""
    if rollout is None:
        return None
    return Pending(
        since=rollout.seen_at, seen_at=rollout.seen_at, changed_at=rollout.changed_at, changes=rollout.changes
    )


def _merged(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes, each source once, in order. Where some keys are not known, none is said."""
    found: dict[tuple[str, str], Change] = {}
    for each in changes:
        before = found.pop((each.kind, each.name), None)
        if before is None:
            found[each.kind, each.name] = each
            continue
        known = bool(before.keys and each.keys)
        keys = tuple(sorted({*before.keys, *each.keys})) if known else ()
        found[each.kind, each.name] = each.model_copy(update={"keys": keys})
    return tuple(found.values())[-_MOST_CHANGES:]
