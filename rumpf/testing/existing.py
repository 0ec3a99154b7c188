"""Tests against a cluster that is there already, and only if it looks like one that is made for tests."""

import ipaddress
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

from rumpf.cluster import Cluster, Nodes, attach
from rumpf.console import Console
from rumpf.errors import ImageError, NoSuchCluster, UsageError
from rumpf.testing.embedded import Embedded
from rumpf.testing.kind import load_archive
from rumpf.testing.running import Backend, RunningCluster

TEST_CONTEXTS = (
    *("rumpf-*", "kind-*", "k3d-*", "minikube", "microk8s"),
    *("docker-desktop", "rancher-desktop", "orbstack", "colima", "colima-*"),
)
"""Contexts that tools for clusters on one's own machine make."""

_OWN = "after `rumpf cluster up`: export KUBECONFIG=$(rumpf cluster kubeconfig --path)"
_LOCAL_NAMES = ("localhost", "kubernetes.docker.internal", "host.docker.internal")
_LOADERS: Mapping[str, Callable[[str, str], list[str]]] = {
    "kind-": lambda name, archive: ["kind", "load", "image-archive", archive, f"--name={name}"],
    "k3d-": lambda name, archive: ["k3d", "image", "import", archive, f"--cluster={name}"],
    "minikube": lambda _, archive: ["minikube", "image", "load", archive],
}


@dataclass(frozen=True)
class Existing:
    """A cluster that somebody else runs."""

    name: str
    kubeconfig: Path
    kubectl: Path
    backend: Backend = "existing"
    nodes: Nodes = "real"
    ended_by: str = ""

    def load(self, archive: Path) -> None:
        """Put an image archive into its nodes, where the tool that made it can do that."""
        for prefix, command in _LOADERS.items():
            if self.name.startswith(prefix):
                load_archive(command(self.name.removeprefix(prefix), str(archive)), archive)
                return
        raise ImageError(
            f"no way is known to put an image into the nodes of {self.name}",
            remedy="push it to a registry that the cluster pulls from, or use --cluster embedded",
            where=str(archive),
        )


@contextmanager
def existing(context: str | None, console: Console) -> Generator[RunningCluster]:
    """Use the cluster of the kubeconfig's current context, or of `context`, for the length of a block.

    The current context is refused if it does not look like a test cluster. Naming one is consent. What is
    used is a copy with that context alone: if another one becomes the current one meanwhile, nothing changes.
    """
    kubectl = find_kubectl(console)
    name = context or _ask(kubectl, "config", "current-context").strip()
    config = _ask(
        kubectl, "config", "view", "--minify", "--flatten", "--raw", f"--context={name}", "--output=json"
    )
    server = json.loads(config)["clusters"][0]["cluster"]["server"]
    if context is None and (reason := why_no_test_cluster(name, server)):
        raise UsageError(
            f"the current context, {name} at {server}, does not look like a test cluster: {reason}",
            remedy=f"if tests may create and delete things in it: --cluster-context {name}; "
            f"otherwise choose another (kubectl config use-context), {_OWN}, or --cluster embedded",
            where="--cluster existing",
        )
    if (handle := _embedded(name, server)) is not None:
        yield Embedded(handle, backend="existing")
        return
    with tempfile.TemporaryDirectory(prefix="rumpf-") as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        # The folder is its owner's alone, and so is the file.
        with open(os.open(kubeconfig, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
            file.write(config)
        yield Existing(name, kubeconfig, kubectl)


def why_no_test_cluster(context: str, server: str) -> str | None:
    """Tell why a cluster does not look like one for tests; None where it does.

    By its context's name, as the tools for local clusters give it, and by its address, which must be
    this machine or a private network.
    """
    if not any(fnmatchcase(context, pattern) for pattern in TEST_CONTEXTS):
        return f"its name is none of {', '.join(TEST_CONTEXTS)}"
    host = urlsplit(server).hostname or ""
    try:
        is_near = ipaddress.ip_address(host).is_private
    except ValueError:
        is_near = host in _LOCAL_NAMES or host.endswith((".localhost", ".internal", ".local"))
    return None if is_near else "its API server is not on this machine or in a private network"


def find_kubectl(console: Console) -> Path:
    """Return the kubectl on PATH, or else rumpf's own."""
    if found := shutil.which("kubectl"):
        return Path(found)
    from rumpf.cluster.assets import Assets

    return Assets(console=console).ensure({"kubectl"})["kubectl"]


def _embedded(context: str, server: str) -> Cluster | None:
    """Return the embedded cluster that the context is of, if it is one that is up on this machine."""
    if not context.startswith("rumpf-"):
        return None
    try:
        handle = attach(context.removeprefix("rumpf-"))
    except NoSuchCluster:
        return None
    return handle if handle.url == server else None


def _ask(kubectl: Path, *arguments: str) -> str:
    done = subprocess.run([str(kubectl), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(
            done.stderr.strip() or "kubectl gives no reason",
            remedy=f"set KUBECONFIG (kubectl config get-contexts lists contexts), {_OWN}, or use "
            "--cluster embedded",
            where="--cluster existing",
        )
    return done.stdout
