"""When Pods may be restarted: maintenance windows, by cron expression, length and time zone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from operators.configwatcher.spec import Window
from rumpf import Refused


def check(windows: Sequence[Window]) -> None:
    """Raise Refused if one of them makes no sense: what the API server cannot tell."""
    for number, window in enumerate(windows):
        where = f"spec.windows[{number}]"
        try:
            zone = ZoneInfo(window.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise Refused(
                "InvalidSpec", f"{where}.timeZone: there is no time zone {window.time_zone!r}"
            ) from error
        try:
            CronSim(window.cron, datetime.now(zone))
        except CronSimError as error:
            raise Refused("InvalidSpec", f"{where}.cron: {window.cron!r}: {error}") from error
        if next_opening([window], datetime.now(UTC)) is None:
            raise Refused("InvalidSpec", f"{where}.cron: {window.cron!r} never comes")


def is_open(windows: Sequence[Window], now: datetime) -> bool:
    """Whether one of the windows is open; if there is none, there is no limit."""
    return not windows or any(_is_open(window, now) for window in windows)


def next_opening(windows: Sequence[Window], now: datetime) -> datetime | None:
    """Return when the next window opens, or None if none ever does."""
    found = [opening for window in windows if (opening := _next(window, now)) is not None]
    return min(found, default=None)


def _is_open(window: Window, now: datetime) -> bool:
    # From before the longest it may have been open: what opened then and is not over, is open.
    opening = _next(window, now - timedelta(minutes=window.minutes))
    return opening is not None and opening <= now


def _next(window: Window, after: datetime) -> datetime | None:
    for opening in CronSim(window.cron, after.astimezone(ZoneInfo(window.time_zone))):
        # In an hour that the clock shows twice it may name a time of the first one, which is over.
        if opening.timestamp() > after.timestamp():
            return opening.astimezone(UTC)
    return None
