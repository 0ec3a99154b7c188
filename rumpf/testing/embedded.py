"""Tests against rumpf's own cluster: brought up for them, and gone with them."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rumpf.cluster import Cluster, ClusterSpec, Nodes, up
from rumpf.console import Console
from rumpf.errors import NoSuchCluster
from rumpf.testing.running import Backend


@dataclass(frozen=True)
class Embedded:
    """An embedded cluster; `handle` is all that rumpf can do with it."""

    handle: Cluster
    backend: Backend = "embedded"

    @property
    def name(self) -> str:
        """Its name, as `rumpf cluster status` lists it."""
        return self.handle.name

    @property
    def nodes(self) -> Nodes:
        """Whether its Pods run."""
        return self.handle.nodes

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.handle.kubeconfig

    @property
    def kubectl(self) -> Path:
        """The kubectl of its own version."""
        return Path(self.handle.binaries["kubectl"])

    @property
    def ended_by(self) -> str:
        """The command that ends it."""
        return f"rumpf cluster down --name {self.name}"

    def load(self, archive: Path) -> None:
        """Put an image archive into its node."""
        self.handle.load(archive)


@contextmanager
def embedded(spec: ClusterSpec, console: Console, *, keep: bool) -> Generator[Embedded]:
    """Bring one up for the length of a block; with `keep`, it stays up."""
    handle = up(spec, console=console, stay=keep)
    try:
        yield Embedded(handle)
    finally:
        if not keep:
            with suppress(NoSuchCluster):  # a test may have taken it down itself
                handle.down()
