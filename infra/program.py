"""What `pulumi up` does: the cluster that the config names, then the operators that it names, in order."""

from collections.abc import Mapping
from pathlib import Path

import pulumi

from infra.clusters.access import Access
from infra.clusters.existing import existing
from infra.clusters.gke_reach import check_reach
from infra.clusters.kind import kind
from infra.distribution import Distribution
from infra.guard import Guard
from infra.inputs import DistributionArgs, OperatorArgs, Summary, chosen_of
from infra.released import NONE, copy_of, digests_of
from infra.settings import NAMESPACE, Settings, settings
from rumpf.errors import RumpfError, UsageError
from rumpf.operator import IMAGE
from rumpf.project import Project, find

REACHED = [
    "export KUBECONFIG=$(mktemp)",
    'pulumi -C infra stack output kubeconfig --show-secrets >"$KUBECONFIG"',
]
"""What makes kubectl ask a cluster that the stack made, from the root of the project."""


def program() -> None:
    """Register everything, and export what was installed and how to try it.

    An error of the config ends it with the key and the remedy, and without a traceback.
    """
    try:
        chosen = settings()
        project = find(Path(__file__).parent)
        args = arguments(chosen)
        # A mistake in them is to be told before a cluster is made, which takes minutes.
        chosen_of(project, args)
        if chosen.cluster == "gke":
            check_reach(chosen.gke, args, project)
        access = cluster_of(chosen, project.root)
        distribution = install(args, access, project)
        if access.protected is not None:
            Guard([distribution], protect=access.protected)
        _export(access, distribution)
    except RumpfError as error:
        raise pulumi.RunError(str(_in_config(error))) from None


def cluster_of(chosen: Settings, root: Path) -> Access:
    """Make the cluster that the config names, or find the one that is there."""
    match chosen.cluster:
        case "existing":
            return existing(chosen)
        case "kind":
            return kind(chosen.kind, root)
        case "gke":
            # Half a second and three hundred megabytes that only this cluster needs.
            from infra.clusters.gke import gke

            return gke(chosen.gke)


def arguments(chosen: Settings) -> DistributionArgs:
    """Return what the config says of the operators."""
    args: DistributionArgs = {
        "operators": chosen.operators,
        "values": {
            name: each.model_dump(exclude_none=True)  # type: ignore[misc]
            for name, each in chosen.values.items()
        },
        "keep_data": chosen.keep_data,
    }
    if chosen.image:
        args["image"] = chosen.image
    return args


def install(args: DistributionArgs, access: Access, project: Project) -> Distribution:
    """Install operators on a cluster, from the image that it has for them unless another is named."""
    args = {**args, "values": _with_image(args, access, project)}
    if access.kubeconfig is not None:
        args["kubeconfig"] = access.kubeconfig
    if access.context is not None:
        args["context"] = access.context
    return Distribution(
        "rumpf",
        args,
        pulumi.ResourceOptions(depends_on=[*access.needed], deleted_with=access.made),
        digests={access.image: access.digest} if access.image else {},
        project=project,
        of_cluster=access.provider,
    )


def _with_image(args: DistributionArgs, access: Access, project: Project) -> dict[str, OperatorArgs]:
    """Return the operators' values: what runs from the distribution's image, runs from the cluster's copy."""
    values = {**args.get("values", {})}
    if access.image and not args.get("image"):
        digests = digests_of(project) if access.mirrors else NONE
        for name in chosen_of(project, args):
            if (operator := project.load(name)).image == IMAGE:
                values[name] = {"image": copy_of(access.image, operator, digests), **values.get(name, {})}
    return values


def _export(access: Access, distribution: Distribution) -> None:
    pulumi.export("cluster", access.name)
    # To a cluster that was there already, a person has a way.
    if access.made is not None and access.kubeconfig is not None:
        pulumi.export("kubeconfig", pulumi.Output.secret(access.kubeconfig))
    for name, note in access.notes.items():
        pulumi.export(name, note)
    reached = REACHED if access.made is not None else []
    pulumi.export("operators", distribution.installed.apply(lambda told: _reached_first(told, reached)))


def _reached_first(installed: Mapping[str, Summary], commands: list[str]) -> dict[str, Summary]:
    """Return what was installed, with commands before those that show it at work."""
    return {name: {**each, "demo": [*commands, *each["demo"]]} for name, each in installed.items()}


def _in_config(error: RumpfError) -> RumpfError:
    """Return an error that names the key of the config as a person would write it."""
    if not isinstance(error, UsageError) or not error.where or ":" in error.where:
        return error
    return UsageError(error.what, remedy=error.remedy, where=f"{NAMESPACE}:{error.where}")
