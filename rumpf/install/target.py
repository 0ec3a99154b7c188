"""Which cluster a command works on, and whether it is one of rumpf's own."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rumpf.api import Connection, connect
from rumpf.cluster.environment import exemption
from rumpf.console import Console, Silent
from rumpf.errors import ApiError, NoSuchCluster
from rumpf.manifests.reading import parts

if TYPE_CHECKING:
    from rumpf.cluster import Cluster

_PREFIX = "rumpf-"
"""How the contexts of embedded clusters begin."""
_SHOWN = 3
_POD = "KUBERNETES_SERVICE_HOST"


@dataclass(frozen=True)
class Target:
    """A cluster, and how it is reached."""

    connection: Connection
    embedded: "Cluster | None" = None
    """Set where it is one of rumpf's own that is up on this machine."""

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.connection.name or self.connection.server

    @property
    def simulated(self) -> bool:
        """Whether its Pods are known to be only simulated."""
        return self.embedded is not None and self.embedded.nodes != "real"

    def __str__(self) -> str:
        return f"{self.name} ({self.connection.server})"


def target(context: str | None = None, console: Console | None = None) -> Target:
    """Return the cluster of a context, or of the kubeconfig's current one.

    An embedded cluster that is up needs no kubeconfig: its context can always be named, and where there is no
    kubeconfig at all, the only one that is up is taken.
    """
    own = _named(context) if context else _only_one(console or Silent())
    if own is not None:
        return of_cluster(own)
    try:
        connection = _connection(context)
    except ApiError as error:
        raise _with_those_up(error, context) from error
    found = _embedded(connection.name)
    return Target(connection, found if found is not None and found.url == connection.server else None)


def _with_those_up(error: ApiError, context: str | None) -> ApiError:
    """Have the remedy name the embedded clusters that are up, if no context was named."""
    from rumpf.cluster import clusters

    up = [f"--context {_PREFIX}{each.name}" for each in clusters()] if context is None else []
    if not up:
        return error
    shown = ", ".join(up[:_SHOWN]) + (", ..." if len(up) > _SHOWN else "")
    return ApiError(
        error.what,
        where=error.where,
        remedy=f"name an embedded cluster that is up here: {shown}; else {error.remedy}",
    )


def _connection(context: str | None) -> Connection:
    try:
        return connect(context=context)
    except (AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        raise ApiError(
            f"the kubeconfig makes no sense: {type(error).__name__}: {error}",
            where=os.environ.get("KUBECONFIG") or "~/.kube/config",
            remedy="`kubectl config view` tells whether kubectl understands it",
        ) from error


def of_cluster(cluster: "Cluster") -> Target:
    """Return an embedded cluster as a target."""
    return Target(connect(str(cluster.kubeconfig)), cluster)


def _named(context: str) -> "Cluster | None":
    """Return the embedded cluster of that context, unless a kubeconfig speaks of it."""
    return None if context in contexts() else _embedded(context)


def _only_one(console: Console) -> "Cluster | None":
    if os.environ.get("KUBECONFIG") or _POD in os.environ or (Path.home() / ".kube/config").exists():
        return None
    from rumpf.cluster import clusters

    up = clusters()
    if len(up) != 1:
        return None
    console.say(f"there is no kubeconfig; using the cluster {up[0].name}, which is up here")
    return up[0]


def _embedded(context: str) -> "Cluster | None":
    if not context.startswith(_PREFIX):
        return None
    from rumpf.cluster import attach
    from rumpf.paths import is_cluster_name

    name = context.removeprefix(_PREFIX)
    if not is_cluster_name(name):
        return None
    try:
        return attach(name)
    except NoSuchCluster:
        return None


def contexts() -> list[str]:
    """Return the names of the contexts in the kubeconfigs; of none that cannot be read."""
    import yaml

    places = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube/config")
    names: list[str] = []
    for place in filter(None, places.split(os.pathsep)):
        try:
            config: object = yaml.safe_load(Path(place).expanduser().read_text())
        except (OSError, yaml.YAMLError):
            continue
        if isinstance(config, dict):
            listed = parts(cast("dict[str, Any]", config), "contexts")
            names += [str(each["name"]) for each in listed if "name" in each]
    return names


def how_to_use(cluster: "Cluster") -> str:
    """Return the line that lets a person's own kubectl speak to an embedded cluster."""
    import shlex

    beside = exemption() if cluster.nodes == "real" else ""
    variables = filter(None, (f"KUBECONFIG={cluster.kubeconfig}", beside))
    return "export " + " ".join(map(shlex.quote, variables))
