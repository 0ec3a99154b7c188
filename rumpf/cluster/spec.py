"""What a person asks for when a cluster is to come up: its name, its nodes, its version."""

from dataclasses import dataclass
from typing import Literal, get_args

from rumpf.cluster.assets import DEFAULT_KUBERNETES
from rumpf.errors import UsageError
from rumpf.paths import cluster_dir

Nodes = Literal["real", "fake", "none"]
"""real: Pods run. fake: Pods only look as if (kwok). none: a control plane, nothing runs."""

DEFAULT_NAME = "rumpf"
_MOST_FAKE_NODES = 10_000


@dataclass(frozen=True)
class ClusterSpec:
    """A cluster as it is wanted. Checked when made."""

    name: str = DEFAULT_NAME
    nodes: Nodes = "real"
    count: int = 1
    kubernetes: str = DEFAULT_KUBERNETES
    audit: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        cluster_dir(self.name)  # refuses what is no name
        if self.nodes not in get_args(Nodes):
            raise UsageError(
                f"there are no {self.nodes!r} nodes",
                remedy=f"choose one of {', '.join(get_args(Nodes))}",
                where="--nodes",
            )
        if not 1 <= self.count <= _MOST_FAKE_NODES:
            raise UsageError(
                f"{self.count} is not a number of nodes",
                remedy=f"choose 1 to {_MOST_FAKE_NODES}",
                where="--count",
            )
        if self.count != 1 and self.nodes != "fake":
            raise UsageError(
                f"a cluster with {self.nodes} nodes cannot have {self.count} of them",
                remedy="real nodes come one to a cluster; for many use --nodes fake --count N",
                where="--count",
            )
