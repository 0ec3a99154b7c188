"""`rumpf uninstall`: operators out of the cluster, and people's own objects only if that is asked for."""

import asyncio
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from rumpf.cli.choosing import context_option, output_option
from rumpf.cli.completion import operators
from rumpf.console import Console, counted, for_stream
from rumpf.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rumpf.install.applying import Change
    from rumpf.install.target import Target
    from rumpf.install.uninstalling import Removal

_SHOWN = 5


@click.command("uninstall")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=operators)
@click.option("--crds", is_flag=True, help="The CRDs too, and with them all objects of their kinds.")
@click.option("--yes", is_flag=True, help="Do not ask before objects are deleted that people made.")
@click.option(
    "--abandon",
    is_flag=True,
    help="With --crds: let go of objects that wait for an operator that does not run. What it made for them "
    "outside of the cluster stays.",
)
@context_option
@click.option("--timeout", default=120.0, show_default=True, help="Seconds that it may take.")
@output_option
def uninstall(
    *,
    names: tuple[str, ...],
    crds: bool,
    yes: bool,
    abandon: bool,
    context: str | None,
    timeout: float,
    output: str,
) -> None:
    """Remove all that was installed for operators, and wait until it is gone.

    The CRDs stay, and so does what people made with them, unless --crds says otherwise. It works by labels,
    in the whole cluster: no project is needed, and half an installation is removed like a whole one.
    """
    from rumpf.install.target import target
    from rumpf.project import name_of

    console = for_stream()
    place = target(context, console)
    ask = None if yes else _ask
    wanted = tuple(dict.fromkeys(map(name_of, names)))
    changes = asyncio.run(
        _uninstall_all(place, wanted, console, crds=crds, abandon=abandon, seconds=timeout, ask=ask)
    )
    if output == "json":
        click.echo(json.dumps([asdict(each) for each in changes], indent=2))


async def _uninstall_all(
    place: "Target",
    names: tuple[str, ...],
    console: Console,
    *,
    crds: bool,
    abandon: bool,
    seconds: float,
    ask: "Callable[[Removal], None] | None",
) -> "list[Change]":
    from rumpf.api import Api
    from rumpf.install.uninstalling import removal
    from rumpf.install.uninstalling import uninstall as uninstall_one

    async with Api(place.connection, agent="rumpf-uninstall") as api:
        going = [await removal(api, name) for name in names]
        if crds and ask is not None:
            for each in going:
                ask(each)
        changes: list[Change] = []
        for each in going:
            if each.empty:
                console.say(f"{each.operator}: nothing of it is on {place}")
                continue
            console.say(f"{each.operator}: uninstalling from {place}")
            if crds and each.users:
                console.say(f"{each.operator}: deleting {each.lost} with the CRDs")
            changes += await uninstall_one(api, each, console, crds=crds, abandon=abandon, seconds=seconds)
            _say_what_stays(each, console, crds=crds)
        return changes


def _ask(going: "Removal") -> None:
    """Have a person say yes to the loss of what people made."""
    if not going.users:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            f"{going.lost} would be deleted with the CRDs",
            where="--crds",
            remedy="say --yes, or leave --crds out",
        )
    for users in going.users:
        for namespace, name in users.names[:_SHOWN]:
            click.echo(f"  {users.kind.kind} {namespace}/{name}", err=True)
        if len(users.names) > _SHOWN:
            click.echo(f"  and {len(users.names) - _SHOWN} more", err=True)
    click.confirm(f"Delete {going.lost}, and what belongs to them?", abort=True, err=True)


def _say_what_stays(going: "Removal", console: Console, *, crds: bool) -> None:
    if crds:
        return
    for crd in going.crds:
        count = next((len(users.names) for users in going.users if str(users.kind) == crd.name), 0)
        made = counted(count, "object")
        console.say(f"{going.operator}: the CRD {crd.name} stays, with {made}; --crds removes all of it")
    for users in going.users:
        if users.held:
            held = f"{len(users.held)} {users.kind}"
            console.say(f"{going.operator}: {held} cannot be deleted until the operator is back")
