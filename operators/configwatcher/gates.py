"""What a change waits for before Pods are restarted for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from operators.configwatcher import windows
from operators.configwatcher.spec import MANUAL, ConfigWatcherSpec, ConfigWatcherStatus, Pending
from operators.configwatcher.targets import moment

_HOUR = timedelta(hours=1)
_LONGEST = 10
"""A source that never rests is acted upon after so many times the time that it should have been quiet."""


@dataclass(frozen=True)
class Gate:
    """One thing that is waited for."""

    name: str
    why: str
    until: datetime | None = None
    """When it is over; None if nobody knows."""


def closed(
    spec: ConfigWatcherSpec, status: ConfigWatcherStatus, pending: Pending, now: datetime
) -> Gate | None:
    """Return what a change waits for, or None.

    A restart that a person asked for waits for little, unless something has changed since.
    """
    if spec.suspend:
        return Gate("Suspended", "it is suspended")
    if spec.dry_run:
        return Gate("DryRun", "this is a dry run")
    if pending.changes and pending.changes[-1].kind == MANUAL:
        return None
    return (
        _quiet(spec, pending, now)
        or _interval(spec, status, now)
        or _limit(spec, status, now)
        or _window(spec, now)
    )


def of_the_last_hour(restarts: Sequence[str], now: datetime) -> tuple[str, ...]:
    """Return those of these times that are in the last hour."""
    return tuple(each for each in restarts if moment(each) > now - _HOUR)


def _quiet(spec: ConfigWatcherSpec, pending: Pending, now: datetime) -> Gate | None:
    span = timedelta(seconds=spec.debounce_seconds)
    until = min(moment(pending.seen_at) + span, moment(pending.since) + _LONGEST * span)
    return Gate("Debounce", "more changes may follow", until) if now < until else None


def _interval(spec: ConfigWatcherSpec, status: ConfigWatcherStatus, now: datetime) -> Gate | None:
    last = status.begun_at
    if last is None and status.last_restart:
        last = status.last_restart.started_at
    if last is None:
        return None
    until = moment(last) + timedelta(seconds=spec.min_interval_seconds)
    return Gate("Interval", "the last restart was not long ago", until) if now < until else None


def _limit(spec: ConfigWatcherSpec, status: ConfigWatcherStatus, now: datetime) -> Gate | None:
    recent = of_the_last_hour(status.restarts, now)
    if not spec.max_restarts_per_hour or len(recent) < spec.max_restarts_per_hour:
        return None
    until = moment(recent[-spec.max_restarts_per_hour]) + _HOUR
    return Gate("Limit", f"there were {len(recent)} restarts in the last hour", until)


def _window(spec: ConfigWatcherSpec, now: datetime) -> Gate | None:
    if windows.is_open(spec.windows, now):
        return None
    return Gate("Window", "no window is open", windows.next_opening(spec.windows, now))
