"""`rumpf status`: how the operators of the current context are."""

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from rumpf.cli.choosing import context_option, output_option
from rumpf.cli.completion import operators
from rumpf.cli.live import age
from rumpf.console import for_stream

if TYPE_CHECKING:
    from rumpf.install.overview import Leader, Overview

_MINUTE = 60


@click.command("status")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=operators)
@context_option
@output_option
def status(*, names: tuple[str, ...], context: str | None, output: str) -> None:
    """Show the operators that are installed, or run: their Pods, their leader, their resources.

    With a NAME, only this one; it is an error if it is not there.
    """
    from rumpf.api import Api
    from rumpf.install.overview import overview
    from rumpf.install.target import target
    from rumpf.project import name_of

    console = for_stream()
    place = target(context, console)

    async def ask() -> "list[Overview]":
        async with Api(place.connection, agent="rumpf-status") as api:
            return await overview(api, {name_of(name) for name in names})

    found = asyncio.run(ask())
    if output == "json":
        click.echo(json.dumps([each.json for each in found], indent=2))
        return
    if not found:
        console.say(f"no operator of rumpf's is on {place}")
        return
    _table(
        ("OPERATOR", "NAMESPACE", "IMAGE", "PODS", "LEADER"),
        [
            (
                each.operator,
                each.namespace or "-",
                each.image or "-",
                f"{each.ready}/{each.replicas}" if each.image else "not deployed",
                _leads(each.leader),
            )
            for each in found
        ],
    )
    click.echo()
    counts = [count for each in found for count in each.kinds]
    _table(
        ("KIND", "TOTAL", "READY", "NOT READY"),
        [(each.kind, str(each.total), str(each.ready), str(each.not_ready)) for each in counts],
    )
    warnings = [each for one in found for each in one.warnings]
    if warnings:
        click.echo("\nlast warnings:")
        for each in sorted(warnings, key=lambda each: each.at):
            click.echo(f"  {age(each.at)} ago  {each.about}: {each.reason}: {each.message}")


def _leads(leader: "Leader") -> str:
    if not leader.holder:
        return "nobody"
    if not leader.alive:
        return f"nobody ({leader.holder} until {_seconds(leader.renewed)} ago)"
    return f"{leader.holder}, for {_seconds(leader.since)}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f}s" if seconds < 2 * _MINUTE else f"{seconds / _MINUTE:.0f}m"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
