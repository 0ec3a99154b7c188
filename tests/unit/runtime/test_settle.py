import random
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from rumpf.conditions import Status
from rumpf.runtime.settle import difference, is_ready, settled, wire, with_ready
from tests.unit.runtime.cluster import merged

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def ready(status: dict[str, Any]) -> dict[str, Any]:
    (found,) = [each for each in status["conditions"] if each["type"] == "Ready"]
    return dict(found)


def test_a_status_is_about_the_generation_that_was_looked_at() -> None:
    status = settled(wire(Status().ready("Fine")), {}, 3, NOW)
    assert status["observedGeneration"] == 3
    assert ready(status)["observedGeneration"] == 3


def test_a_status_taken_over_from_an_earlier_look_is_about_this_generation_too() -> None:
    before = settled(wire(Status().ready("Fine")), {}, 3, NOW)
    assert (
        settled(wire(Status.model_validate(before).ready("Fine")), before, 4, LATER)["observedGeneration"]
        == 4
    )


def test_a_condition_that_was_taken_over_is_about_the_generation_that_it_was_about() -> None:
    before = settled(wire(Status().saying("Backed", "True", "Done")), {}, 3, NOW)
    now = settled(wire(Status.model_validate(before).ready("Fine")), before, 4, LATER)
    assert {each["type"]: each["observedGeneration"] for each in now["conditions"]} == {
        "Backed": 3,
        "Ready": 4,
    }


def test_a_condition_knows_since_when_it_is_so() -> None:
    first = settled(wire(Status().not_ready("Starting")), {}, 1, NOW)
    assert ready(first)["lastTransitionTime"] == "2026-01-02T03:04:05Z"
    still = settled(wire(Status().not_ready("Pulling", "takes long")), first, 1, LATER)
    assert ready(still)["lastTransitionTime"] == "2026-01-02T03:04:05Z", "another reason is no transition"
    then = settled(wire(Status().ready("Fine")), still, 1, LATER)
    assert ready(then)["lastTransitionTime"] == "2026-01-02T04:04:05Z"


def test_times_are_told_in_utc() -> None:
    seoul = NOW.astimezone(timezone(timedelta(hours=9)))
    assert (
        ready(settled(wire(Status().ready("Fine")), {}, 1, seoul))["lastTransitionTime"]
        == "2026-01-02T03:04:05Z"
    )


def test_what_stays_as_it_is_costs_no_write() -> None:
    first = settled(wire(Status().ready("Fine")), {}, 1, NOW)
    assert difference(settled(wire(Status().ready("Fine")), first, 1, LATER), first) == {}


def test_only_the_condition_ready_is_changed_by_what_goes_wrong() -> None:
    before = {"phase": "Done", "conditions": [{"type": "Ready", "status": "True"}, {"type": "Other"}]}
    said = with_ready(before, 2, "False", "Broken", "x" * 5000)
    assert said["phase"] == "Done"
    assert [each["type"] for each in said["conditions"]] == ["Ready", "Other"], "each keeps its place"
    assert not is_ready(said)
    assert len(ready(said)["message"]) == 1024


def test_a_condition_that_is_said_anew_keeps_its_place() -> None:
    both = Status().saying("Ready", "False", "New").saying("Other", "True", "So")
    again = both.saying("Ready", "True", "Fine")
    assert [(each.type, each.reason) for each in again.conditions] == [("Ready", "Fine"), ("Other", "So")]


def test_what_is_no_longer_in_a_map_within_the_status_is_taken_away() -> None:
    observed = {"shards": {"a": {"ready": True}, "b": {"ready": True, "lag": 3}}, "old": 1}
    wanted = {"shards": {"b": {"ready": True}}, "new": {}}
    patch = difference(wanted, observed)
    assert patch == {"shards": {"a": None, "b": {"lag": None}}, "old": None, "new": {}}
    assert merged(observed, patch) == wanted


def test_a_difference_merged_in_leaves_no_difference() -> None:
    dice = random.Random(4)  # noqa: S311 - the same every time

    def anything(depth: int = 0) -> object:
        if depth == 3 or dice.random() < 0.3:
            return dice.choice([1, True, "text", [], ["a"], {}])
        return {key: anything(depth + 1) for key in dice.sample("abcd", dice.randrange(4))}

    for _ in range(1000):
        wanted, observed = {"x": anything()}, {"x": anything(), "y": anything()}
        after = merged(observed, difference(wanted, observed))
        assert after == wanted
        assert difference(wanted, after) == {}


def test_nothing_is_not_asked_for() -> None:
    assert difference({"a": None}, {}) == {}
    assert difference({}, {"a": None}) == {}
