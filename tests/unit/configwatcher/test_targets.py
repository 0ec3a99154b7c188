"""Which Pods matter, which run with an older content, and which go next: never too many."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from operators.configwatcher.targets import Target, Targets, left_alone, next_to_go, unavailable_at_most
from rumpf import Kind, Pod
from rumpf.objects import Reference

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PATIENCE = NOW - timedelta(seconds=600)
_REPLICA_SET = Kind("apps", "v1", "ReplicaSet", "replicasets")


def owner(name: str = "web") -> Reference:
    return Reference(_REPLICA_SET, "ns", name, f"uid-of-{name}")


def pod(
    name: str = "a",
    *,
    age: float = 100,
    ready: bool = True,
    of: str | None = "web",
    **more: Any,  # noqa: ANN401 - those of Target
) -> Target:
    created = NOW - timedelta(seconds=age)
    fields = {
        "name": name,
        "uid": f"{name}-0123456789abcdef",
        "created": created,
        "started": created + timedelta(seconds=1),
        "ready": ready,
        "ready_since": None,
        "leaving": False,
        "trouble": None,
        "owner": owner(of) if of else None,
        "matters": True,
    }
    return Target(**{**fields, **more})


def going(pods: list[Target], most: int = 1, wanted: int | None = None) -> list[str]:
    targets = Targets(pods)
    missing = (len(pods) if wanted is None else wanted) - targets.ready
    chosen = next_to_go(targets, pods, missing=missing, most=most, patience=PATIENCE)
    return [each.name for each in chosen]


# Which run with an older content.


@pytest.mark.parametrize(
    ("created", "started", "newer"),
    [
        (-1, 0, False),
        (0, 0, False),
        (0, 5, False),
        (1, None, True),
        (1, 2, True),
        (-100, 5, False),
        (-100, 11, True),
        (-100, None, False),
    ],
)
def test_a_pod_is_newer_than_a_change_by_evidence_alone(
    created: float, started: float | None, *, newer: bool
) -> None:
    begun = None if started is None else NOW + timedelta(seconds=started)
    assert pod(age=-created, started=begun).is_newer_than(NOW) is newer


def test_what_appears_concerns_those_who_had_started_without_it() -> None:
    early, late, waiting = pod("early"), pod("late", started=NOW), pod("waiting", started=None)
    assert Targets([early, late, waiting]).before_appearance(NOW) == [early]


def test_only_marked_pods_that_stay_and_have_not_started_since_are_outdated() -> None:
    old, left, sent, again, new = (
        pod("old"),
        pod("left", leaving=True),
        pod("sent"),
        pod("again", started=NOW + timedelta(seconds=30)),
        pod("new"),
    )
    targets = Targets([old, left, sent, again, new], leaving={sent.uid})
    marks = [each.mark for each in (old, left, sent, again)]
    assert targets.outdated(marks, NOW) == [old]


def test_what_cannot_start_is_neither_wanted_nor_waited_for() -> None:
    trouble = pod("trouble", age=5, started=None, ready=False, trouble=("CreateContainerConfigError", ""))
    old = pod("old", age=601, started=None, ready=False)
    young = pod("young", age=5, started=None, ready=False)
    crashing = pod("crashing", ready=False, trouble=("CrashLoopBackOff", ""))
    assert [each.is_stuck(PATIENCE) for each in (trouble, old, young, crashing)] == [True, True, False, False]
    assert Targets([trouble, old, young, crashing, pod(of=None)]).wanted(PATIENCE) == 2


# Which go next.


def test_the_oldest_go_first_and_no_more_than_may_be_missing() -> None:
    pods = [pod("new", age=1), pod("old", age=9), pod("b", age=5), pod("a", age=5)]
    assert going(pods, most=3) == ["old", "a", "b"]
    assert going(pods, most=1) == ["old"]


def test_those_that_are_missing_already_count() -> None:
    pods = [pod("a"), pod("b"), pod("starting", ready=False, age=3)]
    assert going(pods, most=1) == []
    assert going(pods, most=2) == ["a"]
    assert going(pods, most=2, wanted=5) == []


def test_a_replacement_counts_when_it_has_been_ready_for_long_enough() -> None:
    def ready(name: str, seconds: float) -> Target:
        return pod(name, ready_since=NOW - timedelta(seconds=seconds))

    old, young, settled = ready("old", 0), ready("young", 2), ready("settled", 7)
    targets = Targets([old, young, settled])
    assert targets.at_work([old], 5, NOW) == 2, "an outdated one counts at once"
    assert targets.at_work([old], 0, NOW) == 3
    assert targets.settle_in([old], 5, NOW) == 4
    assert targets.settle_in([old, young], 5, NOW) is None


def test_what_does_not_work_anyway_goes_at_once_and_what_is_starting_is_waited_for() -> None:
    pods = [
        pod("works"),
        pod("crashes", ready=False, trouble=("CrashLoopBackOff", "")),
        pod("was never ready", ready=False, age=700),
        pod("starting", ready=False, age=3),
        pod("to start", ready=False, age=3, started=None),
    ]
    assert sorted(going(pods)) == ["crashes", "was never ready"]


def test_what_nobody_replaces_costs_no_room() -> None:
    assert going([pod("bare", of=None), pod("a"), pod("b")], wanted=2) == ["bare", "a"]


def test_they_are_spread_over_their_owners() -> None:
    pods = [pod(f"{of}{number}", of=of, age=50 - number) for of in ("big", "mid") for number in range(4)]
    pods.append(pod("single", of="small", age=200))
    first = going(pods, most=4)
    assert [sum(name.startswith(of) for name in first) for of in ("big", "mid", "single")] == [2, 1, 1]


def test_an_owner_of_whose_pods_few_are_at_work_is_spared() -> None:
    weak = [pod("w0", of="weak"), pod("w1", of="weak", ready=False, age=3)]
    strong = [pod(f"s{number}", of="strong") for number in range(3)]
    assert going([*weak, *strong], most=2) == ["s0"]


@pytest.mark.parametrize("seed", range(300))
def test_never_are_more_away_than_may_be(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a play
    pods = [
        pod(
            f"{number}",
            age=chance.choice([0, 5, 500, 700]),
            ready=chance.random() < 0.7,
            of=chance.choice(["a", "b", "c", None]),
            leaving=chance.random() < 0.1,
            started=chance.choice([None, NOW - timedelta(seconds=1)]),
            trouble=chance.choice([None, None, None, ("CrashLoopBackOff", "")]),
        )
        for number in range(chance.randrange(1, 30))
    ]
    sent = {each.uid for each in pods if chance.random() < 0.1}
    targets = Targets(pods, leaving=sent)
    wanted = max(0, targets.wanted(PATIENCE) + chance.choice([-2, 0, 0, 3]))
    most = chance.randrange(1, 6)
    outdated = [each for each in targets.staying if chance.random() < 0.8]
    chosen = next_to_go(targets, outdated, missing=wanted - targets.ready, most=most, patience=PATIENCE)
    assert len({each.uid for each in chosen}) == len(chosen)
    assert all(each in outdated for each in chosen)
    at_work = [each for each in chosen if each.ready and each.owner]
    if at_work:
        assert targets.ready - len(at_work) >= wanted - most
    spare = [each for each in outdated if each.ready and each.owner and each not in chosen]
    if spare:
        assert len(at_work) == max(0, most - max(0, wanted - targets.ready)), "as many go as may"


@pytest.mark.parametrize(
    ("limit", "wanted", "most"),
    [(1, 10, 1), (20, 10, 20), ("25%", 3, 1), ("25%", 8, 2), ("25%", 0, 1), ("100%", 7, 7), ("99%", 10, 9)],
)
def test_a_percentage_is_rounded_down_and_is_one_at_least(limit: int | str, wanted: int, most: int) -> None:
    assert unavailable_at_most(limit, wanted) == most


def test_a_thousand_pods_are_chosen_from_in_no_time() -> None:
    pods = [pod(f"{number:04}") for number in range(1000)]
    begun = datetime.now(UTC)
    assert len(going(pods, most=250)) == 250
    assert (datetime.now(UTC) - begun).total_seconds() < 0.5


def test_owners_of_whom_nobody_stays_at_work_are_told() -> None:
    pods = [pod("a", of="one"), *(pod(f"{number}", of="four") for number in range(4))]
    assert [str(each) for each in left_alone(Targets(pods), 1)] == ["ReplicaSet one"]
    assert {each.name for each in left_alone(Targets(pods), "100%")} == {"one", "four"}
    assert left_alone(Targets(pods[1:]), "25%") == []


# What a Pod tells.


def target(status: dict[str, Any] | None = None, **metadata: Any) -> Target:  # noqa: ANN401 - metadata's fields
    named = {"name": "a", "uid": "0", "creationTimestamp": "2026-01-01T00:00:00Z", **metadata}
    return Target.of(Pod({"metadata": named, "status": status or {}}))


def owned(kind: str) -> list[dict[str, Any]]:
    version = "batch/v1" if kind == "Job" else "v1" if kind == "Node" else "apps/v1"
    return [{"apiVersion": version, "kind": kind, "name": "o", "uid": "o", "controller": True}]


@pytest.mark.parametrize(
    ("matters", "fields"),
    [
        (True, {}),
        (True, {"ownerReferences": owned("ReplicaSet")}),
        (True, {"ownerReferences": owned("DaemonSet")}),
        (False, {"ownerReferences": owned("Job")}),
        (False, {"ownerReferences": owned("Node")}),
        (False, {"annotations": {"kubernetes.io/config.mirror": "x"}}),
        (False, {"labels": {"rumpf.dev/operator": "configwatcher"}}),
        (True, {"labels": {"rumpf.dev/operator": "message"}}),
        (False, {"status": {"phase": "Succeeded"}}),
        (False, {"status": {"phase": "Failed"}}),
        (True, {"status": {"phase": "Failed"}, "deletionTimestamp": "2026-01-01T00:00:00Z"}),
    ],
    ids=str,
)
def test_what_ends_by_itself_or_belongs_to_a_node_or_is_the_operator_does_not_matter(
    fields: dict[str, Any], *, matters: bool
) -> None:
    assert target(**fields).matters is matters


def test_a_pod_started_when_the_first_of_its_containers_did_that_still_counts() -> None:
    def running(second: int) -> dict[str, Any]:
        return {"state": {"running": {"startedAt": f"2026-01-01T00:00:{second:02}Z"}}}

    def ended(second: int) -> dict[str, Any]:
        return {"state": {"terminated": {"startedAt": f"2026-01-01T00:00:{second:02}Z"}}}

    waits = {"state": {"waiting": {}}, "lastState": ended(20)["state"]}
    never: list[dict[str, Any]] = [{"state": {"waiting": {}}}]
    found = [
        target({"containerStatuses": each}).started
        for each in ([running(30), running(10)], [waits, running(30)], never, [])
    ]
    assert [each.second if each else None for each in found] == [10, 20, None, None]
    both = target({"initContainerStatuses": [ended(5)], "containerStatuses": [running(30)]})
    assert both.started is not None
    assert both.started.second == 5
