"""A cluster of kind on this machine, and the operators' image in its nodes."""

from pathlib import Path
from typing import TypedDict

import pulumi
from pulumi import dynamic

from infra.clusters.access import Access
from infra.clusters.kind_provider import KindClusterProvider, KindImageProvider
from infra.settings import KindValues, key
from rumpf.errors import UsageError
from rumpf.install.local_images import contents


class KindClusterArgs(TypedDict):
    """What a kind cluster is to be."""

    cluster: str
    """What it is called."""
    node_image: str | None
    """The image of its nodes; else kind's own."""
    workers: int
    """Nodes beside that of the control plane."""
    wait: int
    """Seconds that its nodes may take until they are Ready."""


class KindCluster(dynamic.Resource, module="rumpf", name="KindCluster"):
    """A cluster of kind. Another `wait` leaves it as it is; any other change makes it anew."""

    kubeconfig: pulumi.Output[str]
    """How it is reached. A secret."""
    identity: pulumi.Output[str]
    """What tells it from another that had its name before."""

    def __init__(self, name: str, args: KindClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        secret = pulumi.ResourceOptions(additional_secret_outputs=["kubeconfig"])
        props = {**args, "kubeconfig": None, "identity": None}
        super().__init__(KindClusterProvider(), name, props, pulumi.ResourceOptions.merge(opts, secret))


class KindImageArgs(TypedDict):
    """What is loaded into which cluster."""

    cluster: str
    """The name of the cluster."""
    identity: pulumi.Input[str]
    """Which of those that had this name."""
    archive: str
    """The archive that the image is in."""
    image: str
    """What the image is called."""
    digest: str
    """The digest of the image: when it changes, it is loaded again."""


class KindImage(dynamic.Resource, module="rumpf", name="KindImage"):
    """An image in the nodes of a kind cluster."""

    def __init__(self, name: str, args: KindImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(KindImageProvider(), name, {**args}, opts)


def kind(values: KindValues, root: Path) -> Access:
    """Make a kind cluster, and load the image of the operators if an archive is named.

    Relative paths begin at `root`. Raises UsageError for an archive that cannot be read.
    """
    made = KindCluster(
        "kind",
        {
            "cluster": values.name,
            "node_image": values.node_image,
            "workers": values.workers,
            "wait": values.wait,
        },
    )
    provider = {
        # One that was made anew is another cluster; one that was only started anew is not.
        "cluster_identifier": made.identity,
        # Somebody deleted it: then a refresh forgets what was on it, instead of looking for it for ever.
        "delete_unreachable": True,
        # It was only away, and is back: what was forgotten is taken over, as nobody else put it there.
        "upsert_existing_objects": True,
    }
    access = Access(f"kind-{values.name}", made.kubeconfig, provider=provider, made=made)
    return _with_image(access, values, made, root) if values.archive else access


def _with_image(access: Access, values: KindValues, made: KindCluster, root: Path) -> Access:
    archive = root / Path(values.archive or "").expanduser()
    if not archive.is_file():
        raise UsageError(
            f"there is no {archive}",
            where=key("kind", "archive"),
            remedy="rumpf image build operators makes it; or leave the key out, and nodes pull the image",
        )
    image, digest = contents(archive)
    loaded = KindImage(
        "operators",
        {
            "cluster": values.name,
            "identity": made.identity,
            "archive": str(archive),
            "image": image,
            "digest": digest,
        },
        pulumi.ResourceOptions(deleted_with=made),
    )
    return Access(
        access.name,
        access.kubeconfig,
        provider=access.provider,
        made=made,
        image=image,
        digest=digest,
        needed=(loaded,),
    )
