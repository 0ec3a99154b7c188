"""Installs an operator: applies what its declaration makes, waits until it leads, prunes what is left."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from rumpf.api import Api
from rumpf.console import Console
from rumpf.install.applying import Applier, Change
from rumpf.install.asking import Deadline
from rumpf.install.belongings import belongings, take_away
from rumpf.install.kinds import DEPLOYED, DEPLOYMENT, NAMESPACE, kind_of
from rumpf.install.namespaces import check_namespaces
from rumpf.install.rollout import Rollout
from rumpf.install.target import Target
from rumpf.install.withdrawn import withdrawals
from rumpf.kinds import Kind
from rumpf.manifests import Options, Rendered, render
from rumpf.objects import Manifest
from rumpf.operator import Operator

_DIGEST = "rumpf.dev/image-digest"


@dataclass(frozen=True)
class Installed:
    """What an installation came to."""

    operator: str
    namespace: str
    image: str
    leader: str
    """The Pod that is at work; empty where none is waited for."""
    changes: tuple[Change, ...]
    seconds: float

    @property
    def json(self) -> dict[str, Any]:
        """As a script reads it."""
        return asdict(self)


@dataclass(frozen=True)
class Order:
    """What is to be installed, and how."""

    operator: Operator
    options: Options
    digest: str = ""
    """Of an image that is built anew under the same name: a new one has the Pods replaced."""
    timeout: float = 120.0
    adopt: bool = False
    dry_run: bool = False
    only: Callable[[Kind], bool] = lambda _: True
    """Which of the kinds are applied. Where not all are, nothing is waited for, and nothing pruned."""


async def install(api: Api, target: Target, order: Order, console: Console) -> Installed:
    """Install an operator, or bring it up to date. Doing it twice changes nothing the second time."""
    begun = time.monotonic()
    operator = order.operator
    rendered = render(operator, order.options)
    deadline = Deadline.after(order.timeout)
    console.say(f"{operator.name}: {'would install' if order.dry_run else 'installing'} on {target}")
    await check_namespaces(api, order.options.places)
    for warning in await withdrawals(api, operator, order.options):
        console.say(f"{operator.name}: {warning}")
    applier = Applier(
        api,
        operator.name,
        deadline,
        order.adopt,
        order.dry_run,
        keep_replicas=order.options.replicas is None,
    )
    changes = await apply(applier, rendered, order, console)
    leader = ""
    if not order.dry_run and target.embedded is not None and target.embedded.nodes == "none":
        console.say(f"{operator.name}: this cluster has no nodes; its Pods stay Pending")
    elif not order.dry_run:
        leader = await Rollout(api, operator, rendered.namespace, deadline, console).finished()
    changes += await _prune(applier, rendered, console)
    return Installed(
        operator.name,
        rendered.namespace,
        order.options.image or operator.image,
        leader,
        tuple(changes),
        round(time.monotonic() - begun, 2),
    )


async def apply(applier: Applier, rendered: Rendered, order: Order, console: Console) -> list[Change]:
    """Apply the CRDs, wait until they are served, then apply the rest in its order."""
    changes: list[Change] = []

    async def put(manifest: Manifest) -> Any:  # noqa: ANN401 - JSON
        change, now = await applier.put(manifest, kind_of(manifest))
        changes.append(change)
        if change.outcome != "unchanged":
            console.say(f"{order.operator.name}: {change}")
        return now

    crds = [await put(crd) for crd in rendered.crds]
    if not order.dry_run:
        for crd in crds:
            await applier.established(crd)
    for manifest in rendered.deploy:
        if order.only(kind_of(manifest)):
            await put(with_digest(manifest, order.digest))
    return changes


def with_digest(manifest: Manifest, digest: str) -> Manifest:
    """Return a Deployment whose Pods are replaced once the image of the same name has another digest."""
    if not digest or manifest["kind"] != DEPLOYMENT.kind:
        return manifest
    template = manifest["spec"]["template"]
    annotations = {**template["metadata"].get("annotations", {}), _DIGEST: digest}
    metadata = {**template["metadata"], "annotations": annotations}
    return {
        **manifest,
        "spec": {**manifest["spec"], "template": {**template, "metadata": metadata}},
    }


async def _prune(applier: Applier, rendered: Rendered, console: Console) -> list[Change]:
    """Delete what an earlier installation made and this one does not. CRDs stay."""
    wanted = {
        (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"])
        for each in rendered.deploy
    }
    there = await belongings(applier.api, applier.operator, DEPLOYED)
    # The namespace that it runs in is not made where one was named, but may be its own from an earlier time.
    going = [
        each
        for each in there
        if each.key not in wanted and each.key != (NAMESPACE.kind, "", rendered.namespace)
    ]
    return await take_away(applier.api, going, applier.deadline, console, dry_run=applier.dry_run)
