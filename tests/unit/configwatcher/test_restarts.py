"""No Pod is forgotten, none is restarted twice, and never are too many away, whatever happens."""

import random
from itertools import count

import pytest

from operators.configwatcher.targets import unavailable_at_most
from tests.unit.configwatcher.conftest import Play
from tests.unit.configwatcher.town import WRITES, Killed, KilledError, Town, refusal

SEEDS = range(25)


def forgotten(town: Town) -> list[str]:
    """Return the Pods that run without what is there now."""
    return [pod.name for pod in town.staying if pod.has_read != town.content]


def repeated(town: Town) -> list[str]:
    """Return the Pods that were sent away though they had read all, and came too late for any doubt."""
    return [each.uid for each in town.departures if each.knew_it_all]


def fewest(town: Town) -> int:
    return min(each.ready_left for each in town.departures)


@pytest.mark.parametrize("kind", ["ReplicaSet", "StatefulSet"])
def test_a_change_restarts_each_pod_once_and_leaves_enough_at_work(play: Play, kind: str) -> None:
    town = play(kind=kind, replicas=8)
    town.change(message="1")
    town.settle()
    assert len(town.departures) == 8
    assert len({each.uid for each in town.departures}) == 8
    assert fewest(town) >= 6
    assert not forgotten(town)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_write_it_forgets_nobody_and_repeats_nothing(play: Play, moment: str) -> None:
    for point in count(1):
        town = play(replicas=5, seed=point)
        town.fate = killed = Killed(moment, point)
        town.change(message="1")
        town.settle()
        assert not forgotten(town), point
        assert len(town.departures) == 5, point
        if not killed.is_over:
            assert point > 6, "it was killed at several writes"
            return


@pytest.mark.parametrize("kind", ["ReplicaSet", "StatefulSet", "Custom"])
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_and_whenever_the_process_dies(play: Play, seed: int, kind: str) -> None:
    chance = random.Random(seed)  # noqa: S311 - a play
    limits: tuple[int | str, ...] = (1, 2, "25%", "50%")
    limit = chance.choice(limits)
    spec = {
        "maxUnavailable": limit,
        "debounceSeconds": chance.choice([0, 2]),
        "minReadySeconds": chance.choice([0, 3]),
    }
    town = play(kind=kind, replicas=chance.choice([1, 3, 6]), seed=seed, spec=spec)

    def fate(_: str, what: str) -> None:
        luck = chance.random()
        if what != "select" and luck < 0.03:
            raise KilledError
        if luck < 0.1:
            raise refusal(chance.choice([0, 409, 429, 500]))

    town.fate = fate
    for number in range(80):
        town.live(chance.choice([0.02, 0.3, 1.1, 4]))
        if chance.random() < 0.15:
            town.change(message=f"number {number}")
        if chance.random() < 0.05:
            town.amend(suspend=not town.watcher["spec"].get("suspend", False))
        for _ in range(chance.choice([0, 1, 1, 2])):
            town.look()
    town.amend(suspend=False)
    town.fate = lambda _, __: None
    town.settle()
    assert not forgotten(town)
    assert not repeated(town)
    if town.departures:
        assert fewest(town) >= town.replicas - unavailable_at_most(limit, town.replicas)


@pytest.mark.parametrize("kind", ["ReplicaSet", "StatefulSet", "Custom"])
@pytest.mark.parametrize("makes_after", [0.6, 3, 8, 20])
@pytest.mark.parametrize("dies", [False, True])
def test_a_replacement_that_is_long_in_coming_is_waited_for(
    play: Play, kind: str, makes_after: float, *, dies: bool
) -> None:
    town = play(kind=kind, replicas=4, makes_after=makes_after, spec={"maxUnavailable": 1})
    town.change(message="1")
    for step in range(1000):
        town.live(0.5)
        town.look()
        if dies and step % 17 == 16:
            town.memory = {}
    assert town.status["phase"] == "Watching"
    assert len({each.uid for each in town.departures}) == len(town.departures) == 4
    assert fewest(town) == 3


@pytest.mark.parametrize("kind", ["ReplicaSet", "StatefulSet", "Custom"])
def test_a_replacement_that_is_long_in_coming_is_waited_for_whatever_changes_meanwhile(
    play: Play, kind: str
) -> None:
    town = play(kind=kind, replicas=4, makes_after=8, spec={"maxUnavailable": 1, "debounceSeconds": 2})
    for step in range(400):
        if step in {1, 20, 40}:
            town.change(message=f"number {step}")
        if step in {30, 50}:
            town.amend(minReadySeconds=step)
            town.amend(minReadySeconds=0)
        if step in {60, 70}:
            town.amend(suspend=step == 60)
        town.live(0.5)
        town.look()
    assert not forgotten(town)
    assert fewest(town) == 3


@pytest.mark.parametrize("seed", range(20))
def test_a_key_that_is_taken_away_while_nobody_looks_is_not_forgotten(play: Play, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a play
    town = play(replicas=3, seed=seed)
    town.change(message="1", more="1")
    town.settle()
    town.live(60)
    town.replicas = 5
    town.live(chance.uniform(3, 6))
    town.change(more=None)
    town.live(chance.uniform(0, 20))
    town.settle()
    assert not forgotten(town)


@pytest.mark.parametrize("data", [{"message": "1"}, {"more": None}], ids=str)
def test_while_no_status_can_be_written_no_pod_goes_twice_and_in_the_end_all_is_told(
    play: Play, data: dict[str, str | None]
) -> None:
    town = play(replicas=3)
    town.change(more="1")
    town.settle()
    town.live(60)
    town.departures.clear()

    def fate(when: str, what: str) -> None:
        if when == "before" and what in {"save", "settle"}:
            raise refusal(500)

    town.fate = fate
    town.change(**data)
    for _ in range(60):
        town.live(1)
        town.look()
    town.fate = lambda _, __: None
    town.settle()
    assert len({each.uid for each in town.departures}) == len(town.departures) == 3
    assert not forgotten(town)
    last = town.status["lastRestart"]
    assert last["changes"][0]["keys"] == list(data)


@pytest.mark.parametrize("data", [{"message": "1"}, {"more": None}], ids=str)
@pytest.mark.parametrize("point", range(1, 12))
def test_killed_before_it_is_written_down_no_pod_goes_twice(
    play: Play, data: dict[str, str | None], point: int
) -> None:
    town = play(replicas=3)
    town.change(more="1")
    town.settle()
    town.live(60)
    town.departures.clear()
    left = [point]

    def fate(_: str, what: str) -> None:
        if what in WRITES:
            left[0] -= 1
            if left[0] == 0:
                raise KilledError

    town.fate = fate
    town.change(**data)
    town.settle()
    assert len({each.uid for each in town.departures}) == len(town.departures) == 3
    assert not forgotten(town)
