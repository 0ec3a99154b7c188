"""What Pulumi asks of a kind cluster and of an image in it: to be made, compared, looked at, deleted.

The providers have no state: they are stored by their names, so that a stack never changes because they do.
"""

import json
import re
import uuid
from pathlib import Path
from typing import Any

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from infra.clusters.kind_command import Kind
from rumpf.errors import ClusterError

Props = dict[str, Any]

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,48}[a-z0-9])?")
_MAKES_ANOTHER = ("cluster", "node_image", "workers")
"""What kind can only give a cluster when it makes it."""
_NODES = "kind.x-k8s.io/v1alpha4"


class KindClusterProvider(ResourceProvider):
    """A cluster of kind, by its name."""

    serialize_as_secret_always = False

    def check(self, _olds: Props, news: Props) -> CheckResult:
        """Refuse a name that kind would refuse; a preview sees it."""
        failures: list[CheckFailure] = []
        if not _NAME.fullmatch(str(news.get("cluster"))):
            failures.append(
                CheckFailure(
                    "cluster", f"{news.get('cluster')!r}: use up to 50 lower-case letters, digits, dashes"
                )
            )
        return CheckResult(news, failures)

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        """Tell what needs another cluster: the old one goes first. Nothing is changed in one that is there.

        How long to wait is only of interest when one is made: were it a change, a preview could not know the
        kubeconfig afterwards, and would say that all on the cluster is to be made anew.
        """
        replaces = [each for each in _MAKES_ANOTHER if _olds.get(each) != _news.get(each)]
        return DiffResult(changes=bool(replaces), replaces=replaces, stables=[], delete_before_replace=True)

    def create(self, props: Props) -> CreateResult:
        """Make the cluster. One of that name that is there already is somebody's, and stays as it is."""
        kind, name = Kind(), str(props["cluster"])
        if name in kind.clusters():
            raise ClusterError(
                f"there is a kind cluster {name} already, and this stack did not make it",
                where="rumpf:kind.name",
                remedy=f"name another, or delete it: kind delete cluster --name {name}",
            )
        kind.create(name, _config(props), int(props["wait"]))
        made = {**props, "kubeconfig": kind.kubeconfig(name), "identity": uuid.uuid4().hex}
        return CreateResult(name, made)

    def read(self, id_: str, props: Props) -> ReadResult:
        """Look whether it is still there; its kubeconfig changes when its container is started anew."""
        kind = Kind()
        if not kind.has(id_):
            return ReadResult("", {})
        return ReadResult(id_, {**props, "kubeconfig": kind.kubeconfig(id_)})

    def delete(self, _id: str, _props: Props) -> None:
        """Delete it; it may be gone already."""
        Kind().delete(_id)


class KindImageProvider(ResourceProvider):
    """An image archive, loaded into the nodes of a kind cluster."""

    serialize_as_secret_always = False

    def check(self, _olds: Props, news: Props) -> CheckResult:
        """Refuse an archive that is not there; a preview sees it."""
        archive = Path(str(news.get("archive")))
        missing = f"there is no {archive}; `rumpf image build operators` makes it"
        return CheckResult(news, [] if archive.is_file() else [CheckFailure("archive", missing)])

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        """Tell what changed: other content is loaded again, and so is any into another cluster."""
        another = [each for each in ("cluster", "identity") if _olds.get(each) != _news.get(each)]
        changed = bool(another) or _olds.get("digest") != _news.get("digest")
        return DiffResult(changes=changed, replaces=another, stables=[], delete_before_replace=False)

    def create(self, props: Props) -> CreateResult:
        """Load it."""
        Kind().load(str(props["cluster"]), str(props["archive"]))
        return CreateResult(f"{props['cluster']}/{props['image']}", props)

    def read(self, id_: str, props: Props) -> ReadResult:
        """Look whether the cluster that it is in is still there."""
        return ReadResult(id_, props) if Kind().has(str(props["cluster"])) else ReadResult("", {})

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        """Load it again."""
        Kind().load(str(_news["cluster"]), str(_news["archive"]))
        return UpdateResult(_news)

    def delete(self, _id: str, _props: Props) -> None:
        """Leave it in the nodes: it goes with them, and Pods may run from it."""


def _config(props: Props) -> str:
    """Return what kind is to make, in JSON, which is YAML too."""
    nodes: list[dict[str, str]] = [{"role": "control-plane"}, *[{"role": "worker"}] * int(props["workers"])]
    if image := props.get("node_image"):
        nodes = [{**node, "image": str(image)} for node in nodes]
    return json.dumps({"kind": "Cluster", "apiVersion": _NODES, "name": props["cluster"], "nodes": nodes})
