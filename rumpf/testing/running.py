"""What a test may ask of the cluster that it runs against, whichever it is."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    # This is read at every start of pytest, and rumpf.cluster takes a while.
    from rumpf.cluster.spec import Nodes

Backend = Literal["embedded", "kind", "existing"]
"""embedded: rumpf's own. kind: in a Docker engine. existing: of a kubeconfig's context."""


class RunningCluster(Protocol):
    """A cluster that is up. Only one of rumpf's own takes faults other than the API proxy."""

    @property
    def backend(self) -> Backend:
        """Where it comes from."""
        ...

    @property
    def name(self) -> str:
        """Its name; of an existing one, its context's."""
        ...

    @property
    def nodes(self) -> "Nodes":
        """Whether its Pods run (`real`), or only look as if (`fake`), or stay Pending (`none`)."""
        ...

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig with this cluster's context and no other."""
        ...

    @property
    def kubectl(self) -> Path:
        """A kubectl to speak to it with."""
        ...

    @property
    def ended_by(self) -> str:
        """The command that ends it when it was kept; empty for one that is not ours to end."""
        ...

    def load(self, archive: Path) -> None:
        """Put an image archive (docker or OCI) into its nodes."""
        ...
