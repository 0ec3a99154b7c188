"""`rumpf up`: a cluster, every operator of the project at work on it, samples, and what becomes of them."""

import json
import signal
import time
from dataclasses import asdict
from types import FrameType
from typing import TYPE_CHECKING, cast

import click

from rumpf.cli.choosing import (
    check_choice,
    grant_option,
    grants_of,
    output_option,
    settings_option,
    withhold_option,
)
from rumpf.cli.completion import operators
from rumpf.cli.live import Live
from rumpf.cli.render import pairs
from rumpf.cli.show import Choice, Show
from rumpf.console import Console, for_stream
from rumpf.errors import NoSuchCluster
from rumpf.project import find

if TYPE_CHECKING:
    from rumpf.cluster import Cluster, Nodes

_DEFAULT = "rumpf"
_GLANCE = 0.2


@click.command("up")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=operators)
@click.option("--name", "cluster_name", default=_DEFAULT, show_default=True, help="The cluster's name.")
@click.option(
    "--nodes",
    type=click.Choice(["real", "fake", "none"]),
    help="real: Pods run (Linux, root or sudo). fake: Pods only look as if. "
    "Default: real where this machine allows it, else fake.",
)
@settings_option
@grant_option
@withhold_option
@click.option("--in-cluster", is_flag=True, help="Install the operators, instead of running them from here.")
@click.option("--image", help="With --in-cluster: another image than the operators' own.")
@click.option("--logs", is_flag=True, help="Show all that the operators log, not only warnings.")
@click.option("--keep", is_flag=True, help="Leave the cluster up at the end.")
@click.option("--once", is_flag=True, help="End as soon as all samples are Ready; fail if they are not.")
@click.option(
    "--timeout", default=120.0, show_default=True, help="With --once: seconds that it may take at most."
)
@output_option
def up(  # noqa: PLR0913 - one for each option
    *,
    names: tuple[str, ...],
    cluster_name: str,
    nodes: str | None,
    settings: tuple[str, ...],
    granted: tuple[str, ...],
    withheld: tuple[str, ...],
    in_cluster: bool,
    image: str | None,
    logs: bool,
    keep: bool,
    once: bool,
    timeout: float,
    output: str,
) -> None:
    """Try the operators of this project, all of them or those named, until Ctrl-C.

    Brings an embedded cluster up, if none of that name is; runs each operator from here as its own
    ServiceAccount, as `rumpf run` does; applies the samples, and shows what becomes of them. At the end all
    that it started is ended: the cluster too, if it was made for this, unless --keep. One that was there
    already keeps CRDs, rights and samples.
    """
    from rumpf.cluster import attach, best_nodes

    begun = time.monotonic()
    values, grants = pairs(settings), grants_of(granted, withheld)
    if names or values or grants:
        # What cannot be is refused before there is a cluster. Else they are imported while it comes up.
        check_choice(find().select(names).values(), values, grants)
    console = Live(for_stream())
    try:
        there: Cluster | None = attach(cluster_name)
    except NoSuchCluster:
        there = None
    reason = ""
    if there is not None:
        kind: Nodes = there.nodes
        console.say(f"using the cluster {there.name}, which is up already ({kind} nodes)")
    elif nodes is None:
        kind, reason = best_nodes()
    else:
        kind = cast("Nodes", nodes)
    if reason:
        console.say(f"fake nodes (Pods are only simulated): {reason}")
    choice = Choice(
        names,
        values,
        grants,
        kind,
        in_cluster,
        image,
        logs,
        cluster_name,
        timeout if once else None,
    )
    show = Show(choice, console, begun, is_new=there is None)
    _play(show, there, keep=keep)
    if output == "json":
        click.echo(
            json.dumps(
                {
                    "cluster": cluster_name,
                    "nodes": kind,
                    "seconds": show.seconds,
                    "rows": [asdict(row) for row in show.rows],
                }
            )
        )


def _play(show: "Show", there: "Cluster | None", *, keep: bool) -> None:
    """Bring the cluster up while the show gets ready; leave nothing behind that was not there."""
    from rumpf.cluster import ClusterSpec
    from rumpf.cluster import up as bring_up

    signal.signal(signal.SIGTERM, _interrupt)
    cluster = there
    show.start()
    try:
        if cluster is None:
            spec = ClusterSpec(name=show.choice.cluster, nodes=show.choice.nodes)
            cluster = bring_up(spec, console=show.console)
        show.begin(cluster)
        while not show.has_ended(_GLANCE):
            pass
    except KeyboardInterrupt:
        # The way to end it, once there is something to see.
        if not show.on:
            raise
    finally:
        show.stop()
        show.has_ended()
        if there is None and cluster is not None:
            _end(cluster, show.console, keep=keep, in_cluster=show.choice.in_cluster)
    if show.error is not None:
        raise show.error


def _end(cluster: "Cluster", console: Console, *, keep: bool, in_cluster: bool) -> None:
    if not keep:
        cluster.down()
        console.say(f"{cluster.name} is down")
        return
    cluster.keep()
    ended = "" if in_cluster else "; the operators have ended"
    console.say(f"{cluster.name} is still up{ended}")
    console.say(f"end it:   rumpf cluster down --name {cluster.name}")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
