"""Pods are sent away; a PodDisruptionBudget that refuses one is not asked about the next."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from operators.configwatcher.sending import Sending
from operators.configwatcher.targets import Target, Targets
from operators.configwatcher.workloads import Workloads
from rumpf.errors import ApiError
from tests.unit.configwatcher.test_targets import NOW, pod

if TYPE_CHECKING:
    from rumpf import World

Json = dict[str, Any]


class Budgets:
    """A world that lets so many Pods of each workload go: those whose names begin with its name."""

    namespace = "ns"

    def __init__(self, **allowed: int) -> None:
        self.allowed = allowed
        self.asked: list[str] = []
        self.broken: set[str] = set()
        self.looks_again: list[float] = []
        self.at_a_time = self.most = 0

    async def request(self, method: str, path: str, body: Json | None = None) -> Json:
        if method == "GET":
            owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop", "uid": "d"}
            uid = f"uid-of-{path.rsplit('/', 1)[1]}"
            return {"metadata": {"uid": uid, "ownerReferences": [{**owner, "controller": True}]}}
        name = path.split("/")[6]
        self.asked.append(name)
        self.at_a_time += 1
        self.most = max(self.most, self.at_a_time)
        await asyncio.sleep(0)
        self.at_a_time -= 1
        if name in self.broken:
            raise ApiError("away", status=503)
        workload = name.rstrip("0123456789")
        if self.allowed.get(workload, 1) <= 0:
            raise ApiError("it needs 2 healthy pods", status=429, causes=("DisruptionBudget",))
        self.allowed[workload] = self.allowed.get(workload, 1000) - 1
        return {}

    def again(self, seconds: float) -> None:
        self.looks_again.append(seconds)


def of(workload: str, count: int = 100) -> list[Target]:
    return [pod(f"{workload}{number}", of=workload) for number in range(count)]


class Sender:
    """Sends all that it may, whenever it is asked."""

    def __init__(self, budgets: Budgets, *pods: Target) -> None:
        self.sending, self.budgets, self.pods = Sending(Workloads()), budgets, list(pods)

    def look(self, after: float = 0) -> int:
        """Look so many seconds after it began; tell how many went."""
        now, world = NOW + timedelta(seconds=after), cast("World", self.budgets)
        targets = Targets(self.pods, frozenset(self.sending.gone))
        outdated = [each for each in targets.staying if not each.name.startswith("new")]
        allowed = self.sending.allowed(outdated, targets, world, now)
        went = asyncio.run(self.sending.send(allowed, targets, evict=True, world=world, now=now))
        return len(went)

    @property
    def refused(self) -> str:
        return self.sending.refused(Targets(self.pods, frozenset(self.sending.gone)))


def test_where_nothing_refuses_all_go_some_at_a_time() -> None:
    budgets = Budgets()
    sender = Sender(budgets, *of("a", 50), *of("b", 50))
    assert sender.look() == 100
    assert 8 < budgets.most <= 16
    assert sender.refused == ""


def test_once_one_is_refused_the_others_of_its_workload_are_not_asked_for() -> None:
    budgets = Budgets(a=0)
    sender = Sender(budgets, *of("a"), *of("b"))
    assert sender.look() == 100
    asked = Counter(name[0] for name in budgets.asked)
    assert asked["b"] == 100
    assert asked["a"] <= 16
    assert sender.refused == (
        "Pods of Deployment shop: a PodDisruptionBudget keeps them: it needs 2 healthy pods"
    )


def test_it_is_asked_again_after_a_while_about_one_pod_at_a_time() -> None:
    budgets = Budgets(a=0)
    sender = Sender(budgets, *of("a"))
    sender.look()
    budgets.asked.clear()
    for tenths in range(1, 500):
        sender.look(tenths / 10)
    assert len(budgets.asked) == 9
    assert all(0 < each <= 5.1 for each in budgets.looks_again)
    budgets.allowed["a"] = 3
    assert sender.look(55) == 3


def test_it_is_asked_again_at_once_when_more_pods_are_at_work() -> None:
    budgets = Budgets(a=1)
    sender = Sender(budgets, *of("a", 10))
    assert sender.look() == 1
    budgets.asked.clear()
    assert sender.look(1) == 0
    assert budgets.asked == []
    assert "PodDisruptionBudget" in sender.refused
    sender.pods.append(pod("new", of="a"))
    budgets.allowed["a"] = 1
    assert sender.look(2) == 1
    assert len(budgets.asked) == 2, "one that may go, and one that may not"
    sender.pods.append(pod("newer", of="a"))
    assert sender.look(3) == 0, "the budget does not count it yet"
    budgets.allowed["a"] = 1
    assert sender.look(4) == 1, "and is asked again soon"


def test_pods_that_nobody_owns_are_asked_for_each_by_itself() -> None:
    budgets = Budgets(guarded=0)
    sender = Sender(budgets, pod("guarded1", of=None), pod("free1", of=None))
    assert sender.look() == 1
    assert sender.refused.startswith("Pod guarded1: a PodDisruptionBudget")


def test_those_that_went_are_known_though_another_request_fails() -> None:
    budgets = Budgets()
    budgets.broken = {"a3"}
    sender = Sender(budgets, *of("a", 40))
    with pytest.raises(ApiError):
        sender.look()
    assert len(sender.sending.gone) == 39
    budgets.broken = set()
    assert sender.look() == 1
