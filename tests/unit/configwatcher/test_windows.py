"""When windows are open: by the clock on the wall, also on the days on which that is changed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from operators.configwatcher.spec import Window
from operators.configwatcher.windows import check, is_open, next_opening
from rumpf import Refused

MINUTE = timedelta(minutes=1)


def window(cron: str, minutes: int, zone: str = "UTC") -> Window:
    return Window(cron=cron, minutes=minutes, time_zone=zone)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}:00+00:00")


def openings(each: Window, begin: str, end: str) -> list[str]:
    """Return when a window is open between two times, in minutes of UTC: `00:30-01:00`."""
    now, last = at(begin), at(end)
    found: list[str] = []
    opened: datetime | None = None
    while now <= last:
        if is_open([each], now) and opened is None:
            opened = now
        elif not is_open([each], now) and opened is not None:
            found.append(f"{opened:%H:%M}-{now:%H:%M}")
            opened = None
        following = next_opening([each], now)
        assert following is not None
        assert following > now, "what is past is waited for by nobody"
        now += MINUTE
    return found


def test_without_windows_it_is_always_open() -> None:
    assert is_open([], at("2026-01-01T00:00"))


def test_a_window_is_open_from_its_time_for_its_length_to_the_second() -> None:
    night = [window("30 22 * * *", 90)]
    begin = datetime(2026, 1, 1, 22, 30, tzinfo=UTC)
    almost = timedelta(milliseconds=1)
    assert not is_open(night, begin - almost)
    assert is_open(night, begin)
    assert is_open(night, begin + 90 * MINUTE - almost), "over midnight"
    assert not is_open(night, begin + 90 * MINUTE)
    assert next_opening(night, begin - almost) == begin
    assert next_opening(night, begin) == begin + timedelta(days=1)


def test_of_several_any_is_enough_and_the_next_is_the_first_to_come() -> None:
    several = [window("0 2 * * *", 60), window("0 14 * * 6", 60)]
    friday, saturday = at("2026-01-02T14:30"), at("2026-01-03T14:30")
    assert (is_open(several, friday), is_open(several, saturday)) == (False, True)
    assert next_opening(several, friday) == at("2026-01-03T02:00")


def test_windows_that_overlap_are_one() -> None:
    assert openings(window("0,20,40 5 * * *", 30), "2026-01-01T04:00", "2026-01-01T08:00") == ["05:00-06:10"]


def test_one_that_is_longer_than_its_distance_never_closes() -> None:
    always = [window("0 * * * *", 10080)]
    assert all(is_open(always, at("2026-03-01T00:00") + timedelta(hours=7 * n)) for n in range(100))


@pytest.mark.parametrize(
    ("cron", "zone", "day", "expected"),
    [
        pytest.param("30 2 * * *", "UTC", "2026-03-29", "02:30-03:00", id="UTC"),
        pytest.param("30 2 * * *", "Asia/Kolkata", "2026-03-29", "21:00-21:30", id="half an hour off"),
        pytest.param("30 2 * * *", "Asia/Kathmandu", "2026-03-29", "20:45-21:15", id="three quarters off"),
        pytest.param("30 2 * * *", "America/New_York", "2026-06-01", "06:30-07:00", id="west"),
        pytest.param("30 2 * * *", "Europe/Berlin", "2026-01-10", "01:30-02:00", id="winter"),
        pytest.param("30 2 * * *", "Europe/Berlin", "2026-06-10", "00:30-01:00", id="summer"),
        # Put forward from 2:00 to 3:00, at 1:00 UTC.
        pytest.param("30 2 * * *", "Europe/Berlin", "2026-03-29", "01:00-01:30", id="forward over it"),
        pytest.param("30 1 * * *", "Europe/Berlin", "2026-03-29", "00:30-01:00", id="forward after it"),
        pytest.param("30 3 * * *", "Europe/Berlin", "2026-03-29", "01:30-02:00", id="forward before it"),
        # Put back from 3:00 to 2:00, at 1:00 UTC.
        pytest.param("30 2 * * *", "Europe/Berlin", "2026-10-25", "00:30-01:00", id="back over it"),
        pytest.param("0 2 * * *", "Europe/Berlin", "2026-10-25", "00:00-00:30", id="back to it"),
        pytest.param("30 3 * * *", "Europe/Berlin", "2026-10-25", "02:30-03:00", id="back before it"),
        pytest.param("30 1 * * *", "America/New_York", "2026-11-01", "05:30-06:00", id="back, in the west"),
        # By half an hour, from 2:00 to 1:30 and from 2:00 to 2:30.
        pytest.param("45 1 * * *", "Australia/Lord_Howe", "2026-04-04", "14:45-15:15", id="back by half"),
        pytest.param("15 2 * * *", "Australia/Lord_Howe", "2026-10-03", "15:30-16:00", id="forward by half"),
    ],
)
def test_a_window_opens_once_a_day_by_the_clock_on_the_wall(
    cron: str, zone: str, day: str, expected: str
) -> None:
    begin = at(f"{day}T00:00") - timedelta(hours=1)
    end = begin + timedelta(hours=24)
    found = openings(window(cron, 30, zone), f"{begin:%Y-%m-%dT%H:%M}", f"{end:%Y-%m-%dT%H:%M}")
    assert found == [expected]


def test_an_hourly_window_opens_each_hour_also_in_one_that_the_clock_shows_twice() -> None:
    hourly = window("30 * * * *", 10, "Europe/Berlin")
    assert openings(hourly, "2026-10-24T23:00", "2026-10-25T03:00") == [
        "23:30-23:40",
        "00:30-00:40",
        "01:30-01:40",
        "02:30-02:40",
    ]


def test_one_that_is_open_when_the_clock_is_changed_keeps_its_length() -> None:
    long = window("0 1 * * *", 180, "Europe/Berlin")
    assert openings(long, "2026-03-28T23:30", "2026-03-29T06:00") == ["00:00-03:00"]
    assert openings(long, "2026-10-24T22:30", "2026-10-25T06:00") == ["23:00-02:00"]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Pacific/Apia", "Africa/Casablanca"])
@pytest.mark.parametrize("cron", ["30 2 * * *", "0 0 * * 0", "*/7 1-3 * * *"])
def test_the_next_opening_is_always_to_come_and_it_is_open_then(zone: str, cron: str) -> None:
    each = [window(cron, 15, zone)]
    now = at("2026-01-01T00:00")
    while now < at("2027-01-01T00:00"):
        following = next_opening(each, now)
        assert following is not None
        assert following > now
        assert is_open(each, following)
        assert not is_open(each, following - timedelta(seconds=1)) or cron.startswith("*")
        now = following + timedelta(minutes=17)


@pytest.mark.parametrize(
    ("cron", "zone", "said"),
    [
        ("61 * * * *", "UTC", r"spec.windows\[1\].cron: '61 \* \* \* \*'"),
        ("0 2 30 2 *", "UTC", r"spec.windows\[1\].cron: '0 2 30 2 \*': Bad day-of-month"),
        ("0 2 * * *", "Mars/Olympus", r"spec.windows\[1\].timeZone: there is no time zone 'Mars/Olympus'"),
        ("0 2 * * *", "../etc/passwd", r"spec.windows\[1\].timeZone"),
        ("0 2 * * *", "Europe", r"spec.windows\[1\].timeZone"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_place(cron: str, zone: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        check([window("0 2 * * *", 10), window(cron, 10, zone)])


def test_what_comes_seldom_is_found() -> None:
    leap = [window("0 2 29 2 *", 60, "Europe/Berlin")]
    check(leap)
    assert next_opening(leap, at("2026-01-01T00:00")) == datetime(
        2028, 2, 29, 2, tzinfo=ZoneInfo("Europe/Berlin")
    )
