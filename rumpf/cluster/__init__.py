"""A real Kubernetes that starts in seconds, with no Docker. It knows nothing of operators."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rumpf.cluster.handle import Cluster, ComponentStatus, attach, clusters
    from rumpf.cluster.launch import up
    from rumpf.cluster.machine import best_nodes
    from rumpf.cluster.spec import ClusterSpec, Nodes

__all__ = ["Cluster", "ClusterSpec", "ComponentStatus", "Nodes", "attach", "best_nodes", "clusters", "up"]

_HOME = {
    **dict.fromkeys(("Cluster", "ComponentStatus", "attach", "clusters"), "handle"),
    **dict.fromkeys(("ClusterSpec", "Nodes"), "spec"),
    "best_nodes": "machine",
    "up": "launch",
}


def __getattr__(name: str) -> object:
    # Imported when asked for: the processes that stay with a cluster are of this package too, and
    # must not carry what only its start needs.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
