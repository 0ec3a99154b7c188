"""`rumpf install`: operators into the cluster of the current context, and up to date there."""

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from rumpf.cli.choosing import (
    adopt_option,
    context_option,
    grant_option,
    grants_of,
    grants_of_each,
    namespace_option,
    output_option,
    settings_of_each,
    settings_option,
    watch_option,
    withhold_option,
)
from rumpf.cli.completion import operators
from rumpf.cli.render import pairs
from rumpf.console import Console, counted, for_stream
from rumpf.errors import RumpfError
from rumpf.manifests import Options
from rumpf.project import find

if TYPE_CHECKING:
    from rumpf.install.installing import Installed, Order
    from rumpf.install.target import Target


@click.command("install")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=operators)
@namespace_option
@click.option("--image", help="Another image than the operator's own.")
@watch_option
@click.option("--replicas", type=int, help="How many Pods. Default: as many as somebody set, else its own.")
@settings_option
@grant_option
@withhold_option
@context_option
@click.option(
    "--timeout", default=120.0, show_default=True, help="Seconds that it may take until it is at work."
)
@adopt_option
@click.option("--dry-run", is_flag=True, help="Only ask the API server what would change.")
@output_option
def install(  # noqa: PLR0913 - one for each option
    *,
    names: tuple[str, ...],
    namespace: str,
    image: str | None,
    watch: tuple[str, ...],
    replicas: int | None,
    settings: tuple[str, ...],
    granted: tuple[str, ...],
    withheld: tuple[str, ...],
    context: str | None,
    timeout: float,
    adopt: bool,
    dry_run: bool,
    output: str,
) -> None:
    """Install operators, or bring them up to date, and wait until they are at work.

    Applies CRDs, rights and Deployment on the server's side (fields that others own are left alone), waits
    until the Pods are Ready and one of them leads, then removes what an earlier version had and this one has
    not. Doing it again changes nothing.
    """
    from rumpf.install.installing import Order
    from rumpf.install.local_images import image_for, put_into_node, settings_for
    from rumpf.install.target import target

    project, console = find(), for_stream()
    selected = project.select(names)
    shares = settings_of_each(selected.values(), pairs(settings))
    grants = grants_of_each(selected.values(), grants_of(granted, withheld))
    # All that can be refused without a cluster is refused before one is asked.
    chosen = {
        name: Options(namespace, image, watch, replicas, shares[name], grants=grants[name])
        for name in selected
    }
    place = target(context, console)
    orders: list[Order] = []
    for name, operator in selected.items():
        taken = image_for(place, operator, image, project.root, console)
        values = settings_for(place, operator, shares[name], console)
        if not dry_run:
            put_into_node(place, operator, taken, values, console)
        options = replace(chosen[name], image=taken.name, settings=values)
        orders.append(Order(operator, options, taken.digest, timeout, adopt, dry_run))
    done, failed = asyncio.run(_install_all(place, orders, console))
    if output == "json":
        click.echo(json.dumps([each.json for each in done], indent=2))
    for each in done:
        console.say(_summary(each, dry_run=dry_run))
    for error in failed[:-1]:
        console.say(f"error: {error}")
    if failed:
        raise failed[-1]


async def _install_all(
    place: "Target", orders: "list[Order]", console: Console
) -> "tuple[list[Installed], list[RumpfError]]":
    """Install all at once; one that fails keeps no other from it."""
    from rumpf.api import Api
    from rumpf.install.installing import Installed
    from rumpf.install.installing import install as install_one

    async with Api(place.connection, agent="rumpf-install") as api:
        results = await asyncio.gather(
            *(install_one(api, place, order, console) for order in orders), return_exceptions=True
        )
    failed: list[RumpfError] = []
    for result in results:
        if isinstance(result, RumpfError):
            failed.append(result)
        elif isinstance(result, BaseException):
            raise result
    return [each for each in results if isinstance(each, Installed)], failed


def _summary(done: "Installed", *, dry_run: bool) -> str:
    changed = sum(each.outcome != "unchanged" for each in done.changes)
    if dry_run:
        return f"{done.operator}: {counted(changed, 'object') if changed else 'nothing'} would change"
    what = f"{counted(changed, 'object')} changed" if changed else "nothing to change"
    leads = f", {done.leader} leads" if done.leader else ""
    return f"{done.operator}: installed in {done.namespace} after {done.seconds:.1f} s: {what}{leads}"
