"""Faults of the cluster's own components: killed, held down, frozen; and the wait until all is well again."""

import subprocess
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from rumpf.errors import FaultError
from rumpf.testing.faults.episodes import Episodes
from rumpf.testing.faults.reconnect import reconnect, wait_until_dead
from rumpf.testing.faults.world import wait_until

if TYPE_CHECKING:
    from rumpf.cluster import Cluster, ComponentStatus
    from rumpf.cluster.client import ApiClient

_PATIENCE = 90.0
_A_MOMENT = 10.0
_OK = 200
_API_SERVER = "kube-apiserver"


def check(cluster: "Cluster", component: str) -> None:
    """Refuse a component that the cluster does not have."""
    there = [each.name for each in cluster.status()]
    if component not in there:
        raise FaultError(
            f"this cluster has no component {component!r}",
            remedy=f"it has: {', '.join(there)}",
            where=cluster.name,
        )


@contextmanager
def killed(cluster: "Cluster", episodes: Episodes, component: str) -> Generator[None]:
    """Kill a component and keep it down for the length of a block."""
    with _disturbed(cluster, episodes, component, "hold", "down"):
        wait_until_dead(cluster, [component])
        yield


@contextmanager
def frozen(cluster: "Cluster", episodes: Episodes, component: str) -> Generator[None]:
    """Stop a component in its tracks for the length of a block: its connections stay, it answers nothing."""
    with _disturbed(cluster, episodes, component, "freeze", "frozen"):
        yield


def kill(cluster: "Cluster", episodes: Episodes, component: str) -> None:
    """Kill a component, and wait until another has taken its place and all is well."""
    nodes = _ready_nodes(cluster)
    before = _status(cluster, component).restarts
    cluster.order("kill", component)
    episodes.note(f"{component} killed")

    def is_back() -> bool:
        now = _status(cluster, component)
        return now.restarts > before and now.state == "running"

    wait_until(is_back, f"{component} started again", seconds=_PATIENCE, where=cluster.name)
    _wait_until_well(cluster, nodes, was_killed=component)


@contextmanager
def _disturbed(
    cluster: "Cluster", episodes: Episodes, component: str, order: str, what: str
) -> Generator[None]:
    nodes = _ready_nodes(cluster)
    cluster.order(order, component)

    def undo() -> None:
        cluster.order("release", component)
        _wait_until_well(cluster, nodes, was_killed=component if order == "hold" else "")

    with episodes.lasting(f"{component} {what}", undo):
        yield


def _wait_until_well(cluster: "Cluster", nodes: int, *, was_killed: str) -> None:
    """Wait until the API server reads from its store, and the nodes are as they were and know their Pods."""
    from rumpf.cluster.client import ApiClient

    with closing(ApiClient(cluster.kubeconfig.read_text())) as client:

        def wait(fulfilled: Callable[[], bool], what: str) -> None:
            def is_so() -> bool:
                try:
                    return fulfilled()
                except (OSError, HTTPException):
                    return False

            wait_until(is_so, what, seconds=_PATIENCE, where=cluster.name)

        # What readyz says of etcd may be two seconds old; an object is read from the store itself.
        wait(
            lambda: client.status("/readyz") == client.status("/api/v1/namespaces/kube-system") == _OK,
            "the API server is ready again",
        )
        if was_killed == _API_SERVER:
            reconnect(cluster)
        if cluster.nodes == "real":
            wait(lambda: _runtime_answers(cluster), "containerd answers again")
            wait(lambda: _kubelet_reaches_containerd(client), "the kubelet reaches containerd again")
            wait(lambda: _kubelet_knows_its_pods(client), "the kubelet knows its Pods again")
        # Last: a kubelet that starts says first that its node is not.
        wait(lambda: _ready_nodes(cluster) >= nodes, f"{nodes} nodes are Ready again")


def _ready_nodes(cluster: "Cluster") -> int:
    from rumpf.cluster.client import ApiClient
    from rumpf.cluster.launch import ready_nodes

    if cluster.nodes == "none":
        return 0
    with closing(ApiClient(cluster.kubeconfig.read_text())) as client:
        return ready_nodes(client)


def _runtime_answers(cluster: "Cluster") -> bool:
    command = cluster.enter(["ctr", "--connect-timeout=1s", "version"])
    return subprocess.run(command, capture_output=True, check=False, timeout=_A_MOMENT).returncode == 0


def _kubelet_reaches_containerd(client: "ApiClient") -> bool:
    # It pauses between its attempts to connect, and refuses to exec meanwhile. Of what it serves, statistics
    # are what it asks containerd for each time.
    from rumpf.cluster.layout import NODE_NAME

    return client.status(f"/api/v1/nodes/{NODE_NAME}/proxy/stats/summary?only_cpu_and_memory=true") == _OK


def _kubelet_knows_its_pods(client: "ApiClient") -> bool:
    # A kubelet that is just starting serves already, and says that the Pods it has do not exist.
    from rumpf.cluster.layout import NODE_NAME

    status, known = client.request("GET", f"/api/v1/nodes/{NODE_NAME}/proxy/pods")
    _, assigned = client.request("GET", f"/api/v1/pods?fieldSelector=spec.nodeName={NODE_NAME}")
    return status == _OK and _uids(assigned) <= _uids(known)


def _uids(pods: Mapping[str, Any]) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pods["items"] or ()}


def _status(cluster: "Cluster", component: str) -> "ComponentStatus":
    for each in cluster.status():
        if each.name == component:
            return each
    raise AssertionError(component)
