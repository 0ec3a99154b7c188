"""Faults of the cluster's own components: killed, held down, frozen; and the wait until all is well again."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from rumpf.testing.faults.episodes import Episodes
from rumpf.testing.faults.world import wait_until

if TYPE_CHECKING:
    from rumpf.cluster import Cluster, ComponentStatus

_PATIENCE = 90.0
_OK = 200


@contextmanager
def killed(cluster: "Cluster", episodes: Episodes, component: str) -> Iterator[None]:
    """Kill a component and keep it down for the length of a block."""
    with _disturbed(cluster, episodes, component, "hold", "down"):
        wait_until(lambda: _status(cluster, component).pid is None, "dead", seconds=10, where=component)
        yield


@contextmanager
def frozen(cluster: "Cluster", episodes: Episodes, component: str) -> Iterator[None]:
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
    _wait_until_well(cluster, nodes)


@contextmanager
def _disturbed(
    cluster: "Cluster", episodes: Episodes, component: str, order: str, what: str
) -> Iterator[None]:
    nodes = _ready_nodes(cluster)
    cluster.order(order, component)

    def undo() -> None:
        cluster.order("release", component)
        _wait_until_well(cluster, nodes)

    with episodes.lasting(f"{component} {what}", undo):
        yield


def _wait_until_well(cluster: "Cluster", nodes: int) -> None:
    """Wait until the API server is ready, reads from its store, and sees as many Ready nodes as before."""
    from rumpf.cluster.client import ApiClient

    with closing(ApiClient(cluster.kubeconfig.read_text())) as client:

        def is_well() -> bool:
            # What readyz says of etcd may be two seconds old; an object is read from the store itself.
            return client.status("/readyz") == _OK and client.status("/api/v1/namespaces/kube-system") == _OK

        wait_until(is_well, "the API server is ready again", seconds=_PATIENCE, where=cluster.name)
    wait_until(
        lambda: _ready_nodes(cluster) >= nodes,
        f"{nodes} nodes are Ready again",
        seconds=_PATIENCE,
        where=cluster.name,
    )


def _ready_nodes(cluster: "Cluster") -> int:
    from rumpf.cluster.client import ApiClient
    from rumpf.cluster.launch import ready_nodes

    if cluster.nodes == "none":
        return 0
    with closing(ApiClient(cluster.kubeconfig.read_text())) as client:
        return ready_nodes(client)


def _status(cluster: "Cluster", component: str) -> "ComponentStatus":
    for each in cluster.status():
        if each.name == component:
            return each
    # It says which ones there are.
    cluster.order("status", component)
    raise AssertionError(component)
