"""Which Pods matter, which run with an older content, and which go next: never too many."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Any

import pytest

from operators.configwatcher.targets import (
    Room,
    Target,
    Targets,
    left_alone,
    next_to_go,
    unavailable_at_most,
)
from rumpf import Kind, Pod
from rumpf.objects import Reference
from rumpf.types import IntOrString

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


def going(pods: list[Target], most: IntOrString = 1, wanted: int | None = None) -> list[str]:
    targets = Targets(pods)
    return [
        each.name for each in next_to_go(targets, pods, room=room(targets, most, wanted), patience=PATIENCE)
    ]


def room(targets: Targets, most: IntOrString, wanted: int | None = None) -> Room:
    counts = {uid: len(share.staying) for uid, share in targets.shares.items()}
    in_all = len(targets.pods) if wanted is None else wanted
    return Room.within(most, in_all, counts, targets.at_work([], 0, NOW))


# Which run with an older content.


@pytest.mark.parametrize(
    ("created", "started", "older"),
    [
        (-1, 0, True),
        (0, 0, True),
        (0, 5, True),
        (2, None, True),  # two API servers, two clocks
        (3, None, False),
        (3, 2, False),
        (-100, 5, True),
        (-100, 11, False),
        (-100, None, True),
    ],
)
def test_a_pod_is_newer_than_a_change_by_evidence_alone(
    created: float, started: float | None, *, older: bool
) -> None:
    it = pod(age=-created, started=None if started is None else NOW + timedelta(seconds=started))
    assert Targets([it]).before(NOW) == [it] * older
    assert Targets([it]).before(NOW, {it.uid}) == []


@pytest.mark.parametrize(
    ("created", "started", "needs_it", "older"),
    [
        (-100, -99, True, True),
        (-100, 0, True, False),  # it waited for it
        (-100, None, True, False),
        (-100, 9, False, True),  # the node's clock may be ahead
        (-100, 10, False, False),
        (-100, None, False, False),
        (3, 4, False, False),
    ],
)
def test_what_appears_concerns_those_who_had_started_without_it(
    created: float, started: float | None, *, needs_it: bool, older: bool
) -> None:
    it = pod(age=-created, started=None if started is None else NOW + timedelta(seconds=started))
    assert Targets([it]).before_appearance(NOW, {it.uid} if needs_it else ()) == [it] * older


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
    assert targets.at_work([old], 5, NOW) == [old, settled], "an outdated one counts at once"
    assert targets.at_work([old], 0, NOW) == [old, young, settled]
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


def beside(small: int, large: int) -> list[Target]:
    """Two workloads under one selector."""
    return [
        *(pod(f"small{number}", of="small", age=200) for number in range(small)),
        *(pod(f"large{number:02}", of="large") for number in range(large)),
    ]


@pytest.mark.parametrize(
    ("limit", "small", "large"),
    [
        ("25%", 1, 4),
        ("50%", 1, 10),
        ("75%", 1, 15),
        ("90%", 1, 18),
        ("100%", 2, 20),
        (1, 0, 1),
        (2, 1, 1),
        (13, 1, 12),
        (21, 1, 19),
        (22, 2, 20),
        (50, 2, 20),
    ],
)
def test_a_small_workload_is_not_taken_away_whole_beside_a_large_one(
    limit: IntOrString, small: int, large: int
) -> None:
    pods = beside(2, 20)
    gone = Counter(name.rstrip("0123456789") for name in going(pods, limit))
    assert gone["small"] <= small
    assert gone["large"] <= large
    assert gone.total() in {small + large, unavailable_at_most(limit, 22)}
    alone = {each.name for each in left_alone(Targets(pods), limit)}
    assert alone == {name for name, count in (("small", 2), ("large", 20)) if gone[name] == count}


def test_what_is_missing_of_a_workload_is_room_that_it_has_used() -> None:
    pods = beside(4, 20)
    pods[0] = pod("small-anew", of="small", ready=False, age=3)
    assert {name.rstrip("0123456789") for name in going(pods, "25%")} == {"large"}
    assert "small1" in going(pods, "50%")


@pytest.mark.parametrize("limit", [1, 3, 7, 12, "25%", "99%", "100%"])
def test_of_a_single_workload_as_many_go_as_may_in_all(limit: IntOrString) -> None:
    assert len(going(beside(0, 12), limit)) == unavailable_at_most(limit, 12)


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
    free = room(targets, most, wanted)
    chosen = next_to_go(targets, outdated, room=free, patience=PATIENCE)
    assert len({each.uid for each in chosen}) == len(chosen)
    assert all(each in outdated for each in chosen)
    at_work = [each for each in chosen if each.ready and each.owner]
    if at_work:
        assert targets.ready - len(at_work) >= wanted - most
    gone = Counter(each.owner.uid for each in at_work if each.owner)
    for uid, share in targets.shares.items():
        left = sum(1 for each in share.staying if each.ready) - gone[uid]
        if gone[uid] and most < wanted and len(targets.shares) > 1 < len(share.staying):
            assert left > 0, "no workload is taken away whole"
    spare = [
        each
        for each in outdated
        if each.ready
        and each.owner
        and each not in chosen
        and free.of_each.get(each.owner.uid, 1) > gone[each.owner.uid]
    ]
    if spare:
        assert len(at_work) == max(0, most - max(0, wanted - targets.ready)), "as many go as may"


@pytest.mark.parametrize(
    ("limit", "wanted", "most"),
    [(1, 10, 1), (20, 10, 20), ("25%", 3, 1), ("25%", 8, 2), ("25%", 0, 1), ("100%", 7, 7), ("99%", 10, 9)],
)
def test_a_percentage_is_rounded_down_and_is_one_at_least(limit: int | str, wanted: int, most: int) -> None:
    assert unavailable_at_most(limit, wanted) == most


@pytest.mark.parametrize("owners", [1, 1000, 5000])
def test_thousands_of_pods_are_chosen_from_in_no_time(owners: int) -> None:
    pods = [pod(f"{number:05}", of=f"{number % owners}") for number in range(10_000)]
    targets = Targets(pods)
    free = room(targets, "50%")
    begun = process_time()
    assert len(next_to_go(targets, pods, room=free, patience=PATIENCE)) == 5000
    assert process_time() - begun < 1


def test_owners_of_whom_nobody_stays_at_work_are_told() -> None:
    pods = [pod("a", of="one"), *(pod(f"{number}", of="four") for number in range(4))]
    assert [str(each) for each in left_alone(Targets(pods), 1)] == ["ReplicaSet one"]
    assert {each.name for each in left_alone(Targets(pods), "100%")} == {"one", "four"}
    assert left_alone(Targets(pods[1:]), "25%") == []


# What a Pod tells.


def target(
    status: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    **metadata: Any,  # noqa: ANN401 - metadata's fields
) -> Target:
    named = {"name": "a", "uid": "0", "creationTimestamp": "2026-01-01T00:00:00Z", **metadata}
    return Target.of(Pod({"metadata": named, "spec": spec or {}, "status": status or {}}))


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
        (True, {"spec": {"restartPolicy": "Always"}}),
        (False, {"spec": {"restartPolicy": "Never"}, "ownerReferences": owned("Workflow")}),
        (False, {"spec": {"restartPolicy": "OnFailure"}, "ownerReferences": owned("Workflow")}),
        (False, {"spec": {"restartPolicy": "Never"}}),
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
