"""What a change waits for, until when, and what comes first."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from operators.configwatcher.course import written
from operators.configwatcher.gates import Gate, closed
from operators.configwatcher.spec import (
    MANUAL,
    Change,
    ConfigWatcherSpec,
    ConfigWatcherStatus,
    Pending,
    Restart,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def spec_of(**fields: Any) -> ConfigWatcherSpec:  # noqa: ANN401 - those of the spec
    wanted = {"configMap": "a", "podSelector": {"matchLabels": {"a": "b"}}, "debounceSeconds": 0, **fields}
    return ConfigWatcherSpec.model_validate(wanted)


def ago(seconds: float) -> str:
    return written(NOW - timedelta(seconds=seconds))


def pending(seen: float = 0, since: float | None = None, *kinds: str) -> Pending:
    first = ago(seen if since is None else since)
    changes = tuple(Change(kind=kind, name="a") for kind in kinds or ("ConfigMap",))
    return Pending(since=first, seen_at=ago(seen), changed_at=first, changes=changes)


def gate(
    status: ConfigWatcherStatus | None = None, waiting: Pending | None = None, **fields: object
) -> Gate | None:
    return closed(spec_of(**fields), status or ConfigWatcherStatus(), waiting or pending(), NOW)


def wait(found: Gate | None) -> float | None:
    """Return for how many seconds a gate is closed."""
    assert found is not None
    return None if found.until is None else (found.until - NOW).total_seconds()


def last(begun: float) -> ConfigWatcherStatus:
    return ConfigWatcherStatus(last_restart=Restart(started_at=ago(begun), finished_at=ago(0)))


def test_where_nothing_is_asked_for_nothing_is_waited_for() -> None:
    assert gate() is None


def test_a_change_is_to_have_been_quiet_for_a_while() -> None:
    assert wait(gate(waiting=pending(3), debounceSeconds=10)) == 7
    assert wait(gate(waiting=pending(seen=1, since=50), debounceSeconds=10)) == 9
    assert gate(waiting=pending(10), debounceSeconds=10) is None


def test_one_that_is_never_quiet_does_not_wait_for_ever() -> None:
    assert wait(gate(waiting=pending(seen=0, since=95), debounceSeconds=10)) == 5
    assert gate(waiting=pending(seen=0, since=100), debounceSeconds=10) is None


def test_restarts_begin_with_a_distance() -> None:
    found = gate(last(40), minIntervalSeconds=60)
    assert found is not None
    assert (found.name, wait(found)) == ("Interval", 20)
    assert gate(last(60), minIntervalSeconds=60) is None
    assert gate(minIntervalSeconds=60) is None, "it is the first"


def test_one_that_began_and_was_superseded_keeps_the_distance_too() -> None:
    status = last(100).model_copy(update={"begun_at": ago(40)})
    assert wait(gate(status, minIntervalSeconds=60)) == 20


def test_so_many_in_an_hour_and_the_next_waits_until_the_first_of_them_is_an_hour_ago() -> None:
    status = ConfigWatcherStatus(restarts=(ago(4000), ago(3000), ago(2000), ago(10)))
    found = gate(status, maxRestartsPerHour=3)
    assert found is not None
    assert (found.name, wait(found)) == ("Limit", 600)
    assert wait(gate(status, maxRestartsPerHour=1)) == 3590, "the limit was lowered"
    assert gate(status, maxRestartsPerHour=4) is None
    assert gate(status, maxRestartsPerHour=0) is None


def test_a_closed_window_is_waited_for() -> None:
    windows = [{"cron": "0 13 * * *", "minutes": 60}]
    found = gate(windows=windows)
    assert found is not None
    assert (found.name, wait(found)) == ("Window", 3600)


@pytest.mark.parametrize(("field", "name"), [("suspend", "Suspended"), ("dryRun", "DryRun")])
def test_what_a_person_stopped_waits_for_a_person(field: str, name: str) -> None:
    for kind in ("ConfigMap", MANUAL):
        found = gate(waiting=pending(0, None, kind), **{field: True})  # type: ignore[arg-type]
        assert found is not None
        assert (found.name, found.until) == (name, None)


def test_what_a_person_asks_for_waits_for_nothing_else() -> None:
    status = last(1).model_copy(update={"restarts": (ago(1),)})
    asked = pending(0, None, "ConfigMap", MANUAL)
    fields = {
        "debounceSeconds": 60,
        "minIntervalSeconds": 60,
        "maxRestartsPerHour": 1,
        "windows": [{"cron": "0 13 * * *", "minutes": 60}],
    }
    assert gate(status, asked, **fields) is None
    assert gate(status, pending(), **fields) is not None
    assert gate(status, pending(0, None, MANUAL, "ConfigMap"), **fields) is not None, "it changed since"
