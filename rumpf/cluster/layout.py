"""Addresses and paths that the parts of one cluster know each other by.

A cluster with a real node has a world of its own (network, mounts, processes): there the same
paths and addresses serve every cluster. A cluster without one runs on the machine's loopback.
"""

from dataclasses import dataclass
from pathlib import Path

INSIDE = Path("/run/rumpf")
"""Where a cluster's folder is seen from inside its own world."""

NODE_NAME = "rumpf"
NODE_ADDRESS = "172.31.255.1"
POD_RANGE = "10.244.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
DNS_SERVICE_ADDRESS = "10.96.0.10"
DNS_DOMAIN = "cluster.local"

LINKS = "198.18.0.0/15"
"""Links are cut from it. It is set apart for benchmarks (RFC 2544): no real network is shadowed."""
LINK_COUNT = 2**15


@dataclass(frozen=True)
class Link:
    """The wire between the machine and a cluster's own network: two addresses, one interface name."""

    index: int

    @property
    def interface(self) -> str:
        """The machine's end; its name is taken by one cluster at a time."""
        return f"rumpf{self.index}"

    @property
    def machine(self) -> str:
        """The machine's address on it."""
        return self._address(1)

    @property
    def cluster(self) -> str:
        """The cluster's address on it: where its API server is reached from the machine."""
        return self._address(2)

    def _address(self, offset: int) -> str:
        number = self.index * 4 + offset
        return f"198.{18 + (number >> 16)}.{(number >> 8) & 255}.{number & 255}"


@dataclass(frozen=True)
class Layout:
    """Where the components of one cluster find things."""

    root: Path
    """The cluster's folder as the components see it."""
    api_bind: str
    api_port: int
    api_public: str
    """The address that people and tests use."""
    link: Link | None

    @property
    def api_local(self) -> str:
        """The API server's URL for the cluster's own components."""
        return f"https://127.0.0.1:{self.api_port}"

    @property
    def api_url(self) -> str:
        """The API server's URL for everybody else."""
        return f"https://{self.api_public}:{self.api_port}"

    def path(self, *parts: str) -> str:
        """A path below the cluster's folder."""
        return str(self.root.joinpath(*parts))

    @classmethod
    def inside(cls, link: Link) -> "Layout":
        """A cluster in its own world, joined to the machine by `link`."""
        return cls(root=INSIDE, api_bind="0.0.0.0", api_port=6443, api_public=link.cluster, link=link)  # noqa: S104 - its own network namespace

    @classmethod
    def hosted(cls, folder: Path, port: int) -> "Layout":
        """A cluster on the machine's loopback."""
        return cls(root=folder, api_bind="127.0.0.1", api_port=port, api_public="127.0.0.1", link=None)
