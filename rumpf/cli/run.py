"""`rumpf run`: an operator from its source, here, as who it is in the cluster, with exactly its rights."""

import asyncio
import sys
from dataclasses import replace

import click

from rumpf.cli.choosing import (
    adopt_option,
    context_option,
    grant_option,
    grants_of,
    grants_of_each,
    namespace_option,
    settings_of_each,
    settings_option,
    watch_option,
    withhold_option,
)
from rumpf.cli.completion import operators
from rumpf.cli.render import pairs
from rumpf.console import for_stream
from rumpf.manifests import Options
from rumpf.project import find


@click.command("run")
@click.argument("name", shell_complete=operators)
@namespace_option
@watch_option
@settings_option
@grant_option
@withhold_option
@context_option
@click.option("--http", default="", metavar="HOST:PORT", help="Where metrics and probes are served.")
@click.option(
    "--take-over", is_flag=True, help="Scale its Deployment in the cluster to 0 for as long as this runs."
)
@adopt_option
@click.option("--reload", is_flag=True, help="Start it anew when its source changes.")
def run(  # noqa: PLR0913 - one for each option
    *,
    name: str,
    namespace: str,
    watch: tuple[str, ...],
    settings: tuple[str, ...],
    granted: tuple[str, ...],
    withheld: tuple[str, ...],
    context: str | None,
    http: str,
    take_over: bool,
    adopt: bool,
    reload: bool,
) -> None:
    """Run an operator from its source, until Ctrl-C.

    Applies its CRD, its ServiceAccount and its rights to the cluster of the current context, and starts it
    here with a token of that account: what its rights do not cover fails here as it would there. It takes
    part in the election of a leader, so it never works beside another one. Its exit code is passed on.
    """
    from rumpf.install.target import target

    project, console = find(), for_stream()
    if reload:
        from rumpf.install.reloading import rerun

        sys.exit(rerun([word for word in sys.argv[1:] if word != "--reload"], project.folder(name), console))
    from rumpf.api import Api
    from rumpf.install.local_images import put_into_node, settings_for
    from rumpf.install.standin import Cast
    from rumpf.install.standin import run as run_here

    operator = project.load(name)
    shares = settings_of_each([operator], pairs(settings))
    grants = grants_of_each([operator], grants_of(granted, withheld))[operator.name]
    chosen = Options(namespace, None, watch, None, shares[operator.name], grants=grants)
    place = target(context, console)
    values = settings_for(place, operator, shares[operator.name], console)
    put_into_node(place, operator, None, values, console)
    cast = Cast(operator, replace(chosen, settings=values), project.root, http, take_over, adopt)

    async def work() -> int:
        async with Api(place.connection, agent="rumpf-run") as api:
            return await run_here(api, place, cast, console)

    sys.exit(asyncio.run(work()))
