"""Which Pod a test means, and what the node knows of it: its address, its processes, its wire."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from rumpf.errors import FaultError
from rumpf.testing.faults.world import World

Object = Mapping[str, Any]

_PODS_NAMED = 10


@dataclass(frozen=True)
class Container:
    """A container of a Pod as its status has it; `id` is None while it does not run."""

    name: str
    id: str | None
    restarts: int


@dataclass(frozen=True)
class Pod:
    """A Pod as it was when it was looked up."""

    namespace: str
    name: str
    uid: str
    address: str
    containers: tuple[Container, ...]

    def __str__(self) -> str:
        """Tell which one it is."""
        return f"Pod {self.namespace}/{self.name}"

    def container(self, name: str | None) -> Container:
        """Return the container of that name, or the first one; it must be running."""
        chosen = [each for each in self.containers if name in (None, each.name)]
        if not chosen:
            raise FaultError(
                f"it has no container {name!r}",
                remedy=f"it has: {', '.join(each.name for each in self.containers)}",
                where=str(self),
            )
        if chosen[0].id is None:
            raise FaultError(
                f"its container {chosen[0].name!r} is not running",
                remedy="wait for it first: kubectl('wait', '--for=condition=Ready', 'pod/...')",
                where=str(self),
            )
        return chosen[0]

    @property
    def running(self) -> Container:
        """Any container of it that runs."""
        names = [each.name for each in self.containers if each.id is not None]
        return self.container(names[0] if names else None)


def find_pod(world: World, namespace: str, pod: str) -> Pod:
    """Look a Pod up by `name`, `namespace/name`, or `pod/name` as kubectl prints it."""
    name = pod.removeprefix("pod/")
    if "/" in name:
        namespace, _, name = name.partition("/")
    found = world.get(f"/api/v1/namespaces/{namespace}/pods/{name}")
    if found is None:
        raise FaultError(
            "there is no such Pod", remedy=_which_there_are(world, namespace), where=f"Pod {namespace}/{name}"
        )
    return _pod(found)


def _which_there_are(world: World, namespace: str) -> str:
    listed = world.get(f"/api/v1/namespaces/{namespace}/pods?limit={_PODS_NAMED}") or {}
    names: list[str] = [each["metadata"]["name"] for each in listed.get("items") or ()]
    if not names:
        return f"namespace {namespace} has none; one of another is said as 'namespace/name'"
    more = "..." if len(names) == _PODS_NAMED else ""
    return f"namespace {namespace} has: {', '.join(names)}{more}"


def addressed(pod: Pod) -> Pod:
    """Refuse a Pod whose network is not its own."""
    if not pod.address:
        raise FaultError(
            "it has no address of its own (not started yet, or hostNetwork)",
            remedy="wait for it first, or choose a Pod without hostNetwork",
            where=str(pod),
        )
    return pod


def main_process(world: World, pod: Pod, container: Container) -> int:
    """Return the id of a container's main process, as the cluster's own world counts it."""
    tasks = world.run("ctr", "--namespace=k8s.io", "tasks", "ls")
    for line in tasks.splitlines():
        fields = line.split()
        if fields and fields[0] == container.id:
            return int(fields[1])
    raise FaultError(
        f"the node runs no process for its container {container.name!r}",
        remedy="it has ended just now: wait until the Pod is Ready, and try again",
        where=str(pod),
    )


def wire(world: World, pod: Pod) -> str:
    """Return the name of the node's end of a Pod's wire."""
    route = cast("list[dict[str, str]]", json.loads(world.run("ip", "-json", "route", "get", pod.address)))
    return route[0]["dev"]


def network_namespace(world: World, pod: Pod) -> str:
    """Return the name of a Pod's network namespace, as `ip` knows it."""
    process = main_process(world, pod, pod.running)
    return world.run("ip", "netns", "identify", str(process)).strip()


def _pod(found: Object) -> Pod:
    metadata, spec, status = found["metadata"], found["spec"], found.get("status", {})
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        address="" if spec.get("hostNetwork") else status.get("podIP", ""),
        containers=tuple(_container(each, status) for each in spec["containers"]),
    )


def _container(declared: Object, status: Object) -> Container:
    for each in status.get("containerStatuses", ()):
        if each["name"] == declared["name"]:
            running = "running" in each.get("state", {})
            identity = each.get("containerID", "").rpartition("//")[2] if running else ""
            return Container(each["name"], identity or None, each.get("restartCount", 0))
    return Container(declared["name"], None, 0)
