"""How many Pods ought to be at work where some are missing: who can be asked is, who cannot is waited for."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from operators.configwatcher.expected import Expected
from operators.configwatcher.targets import Target, Targets
from operators.configwatcher.workloads import Workloads
from rumpf import Kind
from rumpf.objects import Reference
from tests.unit.configwatcher.test_targets import NOW, PATIENCE, pod
from tests.unit.configwatcher.test_workloads import Apps

if TYPE_CHECKING:
    from rumpf import World

_UNKNOWN = Kind("example.org", "v1", "Cluster", "")


def known(name: str, count: int) -> list[Target]:
    return [pod(f"{name}{number}", of=name) for number in range(count)]


def unknown(name: str, count: int) -> list[Target]:
    owner = Reference(_UNKNOWN, "ns", name, f"uid-of-{name}")
    return [pod(f"{name}{number}", owner=owner) for number in range(count)]


class Restart:
    """One restart, as far as it is about numbers."""

    def __init__(self, **wanted: int) -> None:
        self.apps = Apps(replicasets={name: {"replicas": count} for name, count in wanted.items()})
        self.expected = Expected(Workloads())
        self.pods = 0
        self.now = NOW

    def begins(self, *pods: Target, leaving: int = 0) -> int:
        """Count as it begins; so many of the first Pods are on their way out."""
        targets = Targets(pods, frozenset(each.uid for each in pods[:leaving]))
        self.pods = asyncio.run(self.expected.wanted(targets, PATIENCE, cast("World", self.apps)))
        self.looks(*pods[leaving:])
        return self.pods

    def looks(self, *pods: Target, after: float = 0, grows: bool = True) -> int:
        """Look after so many seconds."""
        self.now += timedelta(seconds=after)
        world, targets = cast("World", self.apps), Targets(pods)
        self.expected.see(targets, PATIENCE, self.now)
        self.pods = asyncio.run(self.expected.by_now(self.pods, targets, world, self.now, grows=grows))
        return self.pods


def test_what_an_owner_wants_no_more_is_not_waited_for_and_of_others_what_they_had_is() -> None:
    restart = Restart(web=4)
    assert restart.begins(*known("web", 4), *unknown("db", 3)) == 7
    left = [*known("web", 4), *unknown("db", 2)]
    assert restart.looks(*left) == restart.looks(*left, after=6) == 7
    restart.apps.found["replicasets/web"]["spec"]["replicas"] = 2
    left = [*known("web", 2), *unknown("db", 2)]
    assert restart.looks(*left, after=1) == 7
    assert restart.looks(*left, after=6) == 5
    assert dict(restart.expected.of_each) == {"uid-of-web": 2, "uid-of-db": 3}


def test_what_one_owner_has_no_more_and_another_has_is_not_lost() -> None:
    restart = Restart(old=10, new=0)
    restart.begins(*known("old", 10))
    restart.apps.found["replicasets/old"]["spec"]["replicas"] = 2
    restart.apps.found["replicasets/new"]["spec"]["replicas"] = 8
    rolling = [*known("old", 2), *known("new", 5)]
    assert restart.looks(*rolling) == restart.looks(*rolling, after=6) == 10
    restart.apps.found["replicasets/old"]["spec"]["replicas"] = 0
    restart.apps.found["replicasets/new"]["spec"]["replicas"] = 10
    assert restart.looks(*known("new", 10), after=6) == 10


def test_what_is_there_for_a_moment_while_a_workload_is_rolled_out_is_not_waited_for() -> None:
    restart = Restart(old=4)
    restart.begins(*known("old", 4))
    assert restart.looks(*known("old", 4), *known("new", 1), grows=False) == 4


def test_of_many_owners_those_are_asked_of_whom_pods_are_missing() -> None:
    restart = Restart(**{f"w{number}": 2 for number in range(100)})
    pods = [each for number in range(100) for each in known(f"w{number}", 2)]
    assert restart.begins(*pods) == 200
    assert restart.apps.requests == []
    assert restart.looks(*pods[1:]) == restart.looks(*pods[1:], after=6) == 200
    assert restart.apps.requests == ["GET replicasets/w0"]


def test_those_on_their_way_out_as_it_begins_come_back_unless_they_do_not() -> None:
    restart = Restart()
    assert restart.begins(*unknown("db", 4), leaving=1) == 4
    assert restart.looks(*unknown("db", 3), after=3) == 4
    assert restart.looks(*unknown("db", 3), after=6) == 3
