"""Workloads: how many Pods they want, how they are restarted, and what keeps them from replacing Pods."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from operators.configwatcher.course import written
from operators.configwatcher.restarting import Restarting
from operators.configwatcher.spec import ConfigWatcherSpec, ConfigWatcherStatus, Rollout
from operators.configwatcher.targets import Target
from operators.configwatcher.workloads import Workloads
from rumpf import Kind
from rumpf.errors import ApiError
from rumpf.objects import Reference
from tests.unit.configwatcher.test_targets import NOW, pod

if TYPE_CHECKING:
    from rumpf import World

Json = dict[str, Any]
ON_DELETE = {"updateStrategy": {"type": "OnDelete"}}


def reference(kind: str, name: str, group: str = "apps") -> Reference:
    return Reference(Kind(group, "v1", kind, ""), "ns", name, f"uid-of-{name}")


def of(kind: str, name: str, **more: Any) -> Target:  # noqa: ANN401 - those of Target
    return pod(f"{name}-0", owner=reference(kind, name), **more)


class Apps:
    """A world of workloads, by plural and name."""

    namespace = "ns"

    def __init__(self, **workloads: Mapping[str, Json]) -> None:
        self.found = {
            f"{plural}/{name}": {"metadata": {"name": name, "uid": f"uid-of-{name}"}, "spec": {**spec}}
            for plural, named in workloads.items()
            for name, spec in named.items()
        }
        self.requests: list[str] = []
        self.at_a_time = self.most = 0
        self.looks_again: list[float] = []

    async def request(self, method: str, path: str, body: Json | None = None) -> Json:
        what = path.removeprefix("/apis/apps/v1/namespaces/ns/")
        self.requests.append(f"{method} {what}")
        self.at_a_time += 1
        self.most = max(self.most, self.at_a_time)
        await asyncio.sleep(0)
        self.at_a_time -= 1
        if what not in self.found:
            raise ApiError("not found", status=404)
        found = self.found[what]
        if body is not None:
            assert body["metadata"]["uid"] == found["metadata"]["uid"]
            fields: Json = {"f:spec": {"f:template": {"f:metadata": {"f:annotations": {_RESTARTED: {}}}}}}
            found["metadata"]["managedFields"] = [{"time": written(NOW), "fieldsV1": fields}]
        return found

    def edits(self) -> list[str]:
        return [each.removeprefix("PATCH ") for each in self.requests if each.startswith("PATCH")]

    def event(self, *_: object, **__: object) -> None:
        return None

    def again(self, seconds: float) -> None:
        self.looks_again.append(seconds)


_RESTARTED = "f:kubectl.kubernetes.io/restartedAt"


class Rolling:
    """A restart by strategy Rollout, step by step."""

    def __init__(self, apps: Apps, *pods: Target, deadline: int = 600) -> None:
        self.apps, self.pods = apps, pods
        self.restarting = Restarting()
        self.spec = ConfigWatcherSpec.model_validate(
            {
                "configMap": "a",
                "podSelector": {"matchLabels": {"a": "b"}},
                "strategy": "Rollout",
                "progressDeadlineSeconds": deadline,
            }
        )
        begun = written(NOW)
        rollout = Rollout(
            started_at=begun,
            seen_at=begun,
            changed_at=written(NOW - timedelta(seconds=30)),
            pods=len(pods),
            outdated=len(pods),
            progressed_at=begun,
        )
        marks = tuple(each.mark for each in pods)
        self.status = ConfigWatcherStatus(rollout=rollout, outdated=marks)

    def goes_on(self, after: float = 0) -> str:
        """Look once, so many seconds after it began; tell what is said to block it."""
        rollout = self.status.rollout
        assert rollout is not None
        self.status = asyncio.run(
            self.restarting.go_on(
                self.spec,
                self.status,
                rollout,
                self.restarting.targets(self.pods),
                world=cast("World", self.apps),
                now=NOW + timedelta(seconds=after),
            )
        )
        return self.restarting.blocked

    def has_halted(self) -> bool:
        return bool(self.status.rollout and self.status.rollout.halted)


def wanted(apps: Apps, owners: Iterable[Reference]) -> dict[str, int]:
    return asyncio.run(Workloads().wanted(owners, cast("World", apps)))


def test_owners_are_asked_how_many_pods_they_want_where_that_can_be() -> None:
    apps = Apps(replicasets={"web": {"replicas": 3}, "other": {"replicas": 1}}, statefulsets={"db": {}})
    apps.found["daemonsets/agent"] = {
        "metadata": {"uid": "uid-of-agent"},
        "status": {"desiredNumberScheduled": 7},
    }
    apps.found["daemonsets/new"] = {"metadata": {"uid": "uid-of-new"}, "spec": {}}
    owners = [
        reference("ReplicaSet", "web"),
        reference("ReplicaSet", "gone"),
        replace(reference("ReplicaSet", "other"), uid="an earlier one"),
        reference("StatefulSet", "db"),
        reference("DaemonSet", "agent"),
        reference("DaemonSet", "new"),
        reference("Cluster", "pg", "postgresql.cnpg.io"),
    ]
    assert wanted(apps, owners) == {
        "uid-of-web": 3,
        "uid-of-gone": 0,
        "an earlier one": 0,
        "uid-of-db": 1,
        "uid-of-agent": 7,
    }


def test_many_owners_are_asked_at_the_same_time_and_not_all_at_once() -> None:
    apps = Apps(replicasets={f"{number}": {"replicas": 1} for number in range(200)})
    owners = [reference("ReplicaSet", f"{number}") for number in range(200)]
    assert sum(wanted(apps, owners).values()) == 200
    assert 4 < apps.most <= 16


def test_of_owners_that_are_gone_nothing_is_remembered() -> None:
    workloads, apps = Workloads(), Apps(replicasets={"old": {}, "new": {}})
    old, new = reference("ReplicaSet", "old"), reference("ReplicaSet", "new")
    for owner in (old, old, new, old):
        asyncio.run(workloads.of(owner, cast("World", apps)))
    assert apps.requests == ["GET replicasets/old", "GET replicasets/new"]
    workloads.keep([new.uid])
    for owner in (new, old):
        asyncio.run(workloads.of(owner, cast("World", apps)))
    assert apps.requests[2:] == ["GET replicasets/old"]


@pytest.mark.parametrize("first_is_paused", [True, False])
def test_what_keeps_one_of_several_workloads_is_told(*, first_is_paused: bool) -> None:
    paused = {"a": first_is_paused, "b": not first_is_paused}
    apps = Apps(statefulsets={name: {"paused": each} for name, each in paused.items()})
    rolling = Rolling(apps, of("StatefulSet", "a"), of("StatefulSet", "b"))
    name = "a" if first_is_paused else "b"
    assert rolling.goes_on() == f"StatefulSet {name} is paused, and replaces no Pods until it is resumed"
    assert rolling.goes_on(1) == rolling.restarting.blocked != ""
    assert apps.edits() == ["statefulsets/a", "statefulsets/b"]


def test_a_workload_that_is_resumed_goes_on_and_has_its_time_from_then_on() -> None:
    apps = Apps(statefulsets={"a": {"paused": True}})
    rolling = Rolling(apps, of("StatefulSet", "a"), deadline=60)
    for after in range(0, 300, 5):
        assert rolling.goes_on(after)
    assert min(apps.looks_again) <= 5
    apps.found["statefulsets/a"]["spec"]["paused"] = False
    assert rolling.goes_on(300) == ""
    rolling.goes_on(340)
    assert not rolling.has_halted()
    rolling.goes_on(400)
    assert rolling.has_halted()
    assert apps.edits() == ["statefulsets/a"], "its template is edited once"


@pytest.mark.parametrize(("kind", "plural"), [("StatefulSet", "statefulsets"), ("DaemonSet", "daemonsets")])
def test_one_that_replaces_pods_when_they_are_deleted_is_told_of_and_not_edited(
    kind: str, plural: str
) -> None:
    apps = Apps(**{plural: {"db": ON_DELETE}})
    rolling = Rolling(apps, of(kind, "db"), deadline=60)
    for after in range(0, 300, 5):
        assert rolling.goes_on(after).startswith(f"{kind} db has updateStrategy OnDelete")
    assert "use strategy Evict" in rolling.restarting.blocked
    assert not rolling.has_halted()
    assert apps.edits() == []
    apps.found[f"{plural}/db"]["spec"]["updateStrategy"] = {"type": "RollingUpdate"}
    assert rolling.goes_on(300) == ""
    assert apps.edits() == [f"{plural}/db"]


def test_a_partition_that_keeps_pods_is_told_of() -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    apps = Apps(statefulsets={"db": {"updateStrategy": strategy}})
    rolling = Rolling(apps, of("StatefulSet", "db"), deadline=60)
    for after in range(0, 300, 5):
        assert "has a partition of 2" in rolling.goes_on(after)
    assert apps.edits() == ["statefulsets/db"]
    assert not rolling.has_halted()


def test_one_that_is_paused_in_the_middle_is_told_of_before_it_is_given_up() -> None:
    apps = Apps(statefulsets={"a": {}})
    rolling = Rolling(apps, of("StatefulSet", "a"), deadline=60)
    assert rolling.goes_on() == ""
    apps.found["statefulsets/a"]["spec"]["paused"] = True
    assert "is paused" in rolling.goes_on(61)
    assert not rolling.has_halted()
