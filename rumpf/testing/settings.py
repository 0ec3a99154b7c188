"""The options of the pytest plugin, and what follows from them."""

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import pytest

from rumpf.testing.running import Backend

if TYPE_CHECKING:
    from rumpf.cluster import ClusterSpec, Nodes
    from rumpf.testing.kind import KindOptions
    from rumpf.testing.running import RunningCluster

_PYTEST_KIND = "pytest-kind"
_DEFAULT_KIND_NAME = "pytest-kind"


def add_options(parser: pytest.Parser, plugins: pytest.PytestPluginManager) -> None:
    """Add the options; --keep-cluster is pytest-kind's where that is installed, and means the same."""
    group = parser.getgroup(
        "rumpf", "rumpf: a Kubernetes cluster for tests (with --keep-cluster it stays up)"
    )
    group.addoption(
        "--cluster",
        choices=get_args(Backend),
        default="embedded",
        help="Whose cluster: rumpf's own (the default), kind's (takes Docker), or the kubeconfig's",
    )
    group.addoption(
        "--nodes",
        choices=("real", "fake", "none"),
        help="Nodes of an embedded cluster. Default: real where this machine allows it, else fake",
    )
    group.addoption(
        "--cluster-context",
        metavar="NAME",
        help="With --cluster existing: this context, whatever it looks like. Default: the current one, "
        "if its name and address are those of a test cluster",
    )
    if "PYTEST_DISABLE_PLUGIN_AUTOLOAD" not in os.environ:
        # Loaded now or it would come later, and find its option taken.
        plugins.load_setuptools_entrypoints("pytest11", name=_PYTEST_KIND)
    if not plugins.has_plugin(_PYTEST_KIND):
        group.addoption(
            "--keep-cluster",
            action="store_true",
            help="Leave the cluster up after the tests, and say how to look inside",
        )


@dataclass(frozen=True)
class Settings:
    """What was asked for, and what this machine makes of it."""

    config: pytest.Config

    @property
    def backend(self) -> Backend:
        """Where the cluster comes from."""
        return cast("Backend", self.config.getoption("cluster"))

    @property
    def keep(self) -> bool:
        """Whether the cluster stays up."""
        return bool(self.config.getoption("keep_cluster"))

    @property
    def worker(self) -> str | None:
        """This process's name among pytest-xdist's workers."""
        return os.environ.get("PYTEST_XDIST_WORKER")

    def check(self) -> None:
        """Refuse options that contradict each other."""
        nodes, context = self.config.getoption("nodes"), self.config.getoption("cluster_context")
        if self.backend != "embedded" and nodes not in (None, "real"):
            raise pytest.UsageError(
                f"--nodes {nodes}: a cluster that is {self.backend} has the nodes that it has; "
                "leave --nodes out, or use --cluster embedded"
            )
        if self.backend != "existing" and context is not None:
            raise pytest.UsageError(
                f"--cluster-context {context}: only --cluster existing has a context to choose"
            )

    @property
    def chose_nodes(self) -> bool:
        """Whether somebody asked for these nodes."""
        return self.config.getoption("nodes") is not None

    @cached_property
    def nodes(self) -> tuple["Nodes", str]:
        """The nodes that Pods will find, and why they are not real where nobody chose that."""
        asked: Nodes | None = self.config.getoption("nodes")
        if self.backend != "embedded":
            return "real", ""
        if asked is not None:
            return asked, f"--nodes {asked}"
        from rumpf.cluster import best_nodes

        return best_nodes()

    def spec(self) -> "ClusterSpec":
        """Return what an embedded cluster is to be like. Its name is like no other's."""
        from rumpf.cluster import ClusterSpec

        worker = f"-{self.worker}" if self.worker else ""
        return ClusterSpec(name=f"test-{secrets.token_hex(3)}{worker}", nodes=self.nodes[0])

    @contextmanager
    def cluster(self, spec: "ClusterSpec") -> Generator["RunningCluster"]:
        """Bring up, make or take the cluster for the length of a block."""
        from rumpf.testing.progress import Progress

        console = Progress(self.config)
        if self.backend == "embedded":
            from rumpf.testing.embedded import embedded

            with embedded(spec, console, keep=self.keep) as running:
                yield running
        elif self.backend == "kind":
            from rumpf.testing.kind import kind

            with kind(self._kind_options(), keep=self.keep) as made:
                yield made
        else:
            from rumpf.testing.existing import existing

            with existing(self.config.getoption("cluster_context"), console) as found:
                yield found

    def _kind_options(self) -> "KindOptions":
        from rumpf.testing.kind import KindOptions

        def path(option: str) -> Path | None:
            given: str | None = self.config.getoption(option, None)
            return Path(given) if given else None

        # pytest-kind's own options, and its own name: a cluster that one run kept, the next one takes.
        name: str = self.config.getoption("cluster_name", None) or _DEFAULT_KIND_NAME
        return KindOptions(
            name=f"{name}-{self.worker}" if self.worker else name,
            image=self.config.getoption("kind_image", None),
            kind=path("kind_bin"),
            kubectl=path("kind_kubectl_bin"),
        )
