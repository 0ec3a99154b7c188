"""What the components take and tell, and whether what was said of the operators makes sense."""

from dataclasses import replace
from typing import NotRequired, TypedDict

import pulumi

from infra.released import NONE, Digests, as_released
from rumpf import __version__
from rumpf.errors import UsageError
from rumpf.manifests import Options, Rendered, render
from rumpf.manifests.files import sample_files
from rumpf.operator import Operator
from rumpf.project import Project, folder_name


class ResourceArgs(TypedDict, total=False):
    """What the container of an operator asks for."""

    cpu: str
    """The CPU that is kept for it."""
    memory: str
    """The memory that is kept for it."""
    memory_limit: str
    """The memory that it may not exceed."""


class OperatorArgs(TypedDict, total=False):
    """How one operator is installed. What is left out is as its declaration says."""

    namespace: str
    """Where it runs: a namespace that is there. Else one of its own, which is made and deleted with it."""
    image: str
    """Another image than its own. Its own, and those that its settings name by default, are taken by the
    digests of the release; beside another image, all are as they are named."""
    watch: list[str]
    """The namespaces that it looks after, with rights in these alone; else all."""
    replicas: int
    """How many Pods; an update fails if somebody else scaled it since. Left out: its own number at first, and
    then whatever it is scaled to, by a person or an autoscaler."""
    settings: dict[str, str]
    """Values of its settings."""
    grants: dict[str, list[str]]
    """Where each of its optional rights is given: namespaces, ["*"] for all, [] for none."""
    resources: ResourceArgs
    """What its container asks for."""


class InstalledOperatorArgs(TypedDict):
    """Which operator is installed, and how."""

    operator: str
    """Its name, as in operators/NAME."""
    values: NotRequired[OperatorArgs]
    """How it is installed."""
    keep_data: NotRequired[bool]
    """Whether its CRDs stay when it is destroyed, and with them what people rendered. True by default."""


class DistributionArgs(TypedDict, total=False):
    """Which operators are installed, and how."""

    operators: list[str]
    """The names of the operators; all that there are, if none is named."""
    values: dict[str, OperatorArgs]
    """How each is installed, by its name."""
    image: str
    """The image of all operators that are given none of their own."""
    keep_data: bool
    """Whether CRDs stay when they are destroyed, and with them what people rendered. True by default."""
    kubeconfig: pulumi.Input[str]
    """The kubeconfig of the cluster, as text. Else it is the provider's that is passed, or the usual one.

    A provider that is passed takes over CRDs of an earlier installation only if it has upsertExistingObjects.
    """
    context: str
    """The context in the kubeconfig; else the current one."""


class Summary(TypedDict):
    """What was installed for an operator, and how to try it."""

    version: str
    """The release that it is of."""
    namespace: str
    """Where it runs."""
    image: str
    """What it runs from."""
    crds: list[str]
    """The CRDs of its kinds."""
    watches: list[str]
    """The namespaces that it looks after; none for all."""
    demo: list[str]
    """Commands that show it at work, for the root of the project."""


def options_of(operator: Operator, args: OperatorArgs, digests: Digests = NONE) -> Options:
    """Return what was chosen for an operator; its released image is taken by its digest, if that is known.

    Raises UsageError that names the key.
    """
    try:
        options = Options(
            namespace=args.get("namespace") or "",
            image=args.get("image"),
            watch=args.get("watch") or (),
            replicas=args.get("replicas"),
            settings=args.get("settings"),
            grants=args.get("grants"),
            resources=replace(operator.resources, **args["resources"]) if args.get("resources") else None,
        )
        chosen = as_released(operator, options, digests)
        render(operator, chosen)
    except UsageError as error:
        setting = any(each.name == error.where for each in operator.settings)
        steps = ("values", operator.name, "settings" if setting else "", error.where or "")
        where = ".".join(filter(None, steps))
        raise UsageError(error.what, remedy=error.remedy, where=where) from None
    return chosen


def summary_of(operator: Operator, options: Options, rendered: Rendered) -> Summary:
    """Return what is told of an operator that was installed."""
    folder = f"operators/{folder_name(operator.name)}/k8s"
    crds = [str(crd["metadata"]["name"]) for crd in rendered.crds]
    return {
        "version": __version__,
        "namespace": rendered.namespace,
        "image": options.image or operator.image,
        "crds": crds,
        "watches": list(options.watch),
        "demo": [
            *(f"kubectl apply -f {folder}/{name}" for name in sample_files(rendered)),
            *(f"kubectl get {name}" for name in crds),
        ],
    }


def chosen_of(project: Project, args: DistributionArgs) -> list[str]:
    """Return the names of the operators to install, once all that was said of them is known to make sense.

    Raises UsageError for an operator that is not there or is only configured, and for values that it cannot
    have.
    """
    names = args.get("operators") or []
    try:
        chosen = project.select(names)
    except UsageError as error:
        raise UsageError(error.what, remedy=error.remedy, where="operators") from None
    for other in sorted(set(args.get("values") or {}) - set(chosen)):
        raise UsageError(
            "it is not installed, so that these values would do nothing",
            where=f"values.{other}",
            remedy=f"add it to operators, or leave them out; installed are {', '.join(chosen)}",
        )
    for name, operator in chosen.items():
        options_of(operator, args_of(name, args).get("values") or {})
    return list(chosen)


def args_of(name: str, args: DistributionArgs) -> InstalledOperatorArgs:
    """Return what holds for one operator: its own values, else what holds for all."""
    values: OperatorArgs = {"image": image} if (image := args.get("image")) else {}
    own = (args.get("values") or {}).get(name) or {}
    return {"operator": name, "values": {**values, **own}, "keep_data": args.get("keep_data", True)}
