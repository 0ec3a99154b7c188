"""The API server's own clients, started anew when it is back: they would pause for up to a minute.

Their pauses between two attempts double, and stay long for two minutes after the last one.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from rumpf.testing.faults.world import wait_until

if TYPE_CHECKING:
    from rumpf.cluster import Cluster, ComponentStatus

_PATIENCE = 30.0
_CLIENTS = ("kube-controller-manager", "kube-scheduler", "kube-proxy")
"""Nobody notices when they are started anew.

Not the kubelet: its node would be unready for a moment, and so would Pods; and it would forget its pauses
between a container's restarts. Not CoreDNS, which Pods ask. Not kwok, which would wait for the end of its
own leases.
"""


def reconnect(cluster: "Cluster") -> None:
    """Start the controllers anew, so that they ask the API server at once."""
    # What another fault holds stays as it is.
    running = {each.name for each in cluster.status() if each.state == "running"}
    clients = [name for name in _CLIENTS if name in running]
    try:
        # Held and released, not killed: that would make them wait for longer each time.
        for client in clients:
            cluster.order("hold", client)
        wait_until_dead(cluster, clients)
    finally:
        for client in clients:
            cluster.order("release", client)
    wait_until(
        lambda: all(each.state == "running" for each in _those(cluster, clients)),
        f"{', '.join(clients)} run again",
        seconds=_PATIENCE,
        where=cluster.name,
    )


def wait_until_dead(cluster: "Cluster", components: Collection[str]) -> None:
    """Wait until those components have no process any more."""
    wait_until(
        lambda: all(each.pid is None for each in _those(cluster, components)),
        f"{', '.join(components)} dead",
        seconds=_PATIENCE,
        where=cluster.name,
    )


def _those(cluster: "Cluster", names: Collection[str]) -> "list[ComponentStatus]":
    return [each for each in cluster.status() if each.name in names]
