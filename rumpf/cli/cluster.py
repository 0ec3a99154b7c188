"""`rumpf cluster`: a Kubernetes cluster on this machine, up in seconds and gone without a trace."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import click

from rumpf.cluster.assets import DEFAULT_KUBERNETES, Assets
from rumpf.cluster.environment import exemption
from rumpf.cluster.handle import Cluster, ComponentStatus, attach, clusters
from rumpf.cluster.launch import up as bring_up
from rumpf.cluster.machine import best_nodes
from rumpf.cluster.spec import DEFAULT_NAME, ClusterSpec, Nodes
from rumpf.console import Console, amount_of, for_stream
from rumpf.errors import ClusterError, Interrupted, NoSuchCluster, UsageError

_MINUTE = 60
_BUILT = Path("dist/images")
_LOCAL = "rumpf.local/"  # so the images are named that are built here

Command = Callable[..., Any]


def _name(command: Command) -> Command:
    return click.option("--name", default=DEFAULT_NAME, show_default=True, help="The cluster's name.")(
        command
    )


def _output(command: Command) -> Command:
    return click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)(
        command
    )


@click.group()
def cluster() -> None:
    """Run a Kubernetes cluster on this machine: no Docker, nothing left behind."""


@cluster.command()
@_name
@click.option(
    "--nodes",
    type=click.Choice(["real", "fake", "none"]),
    help="real: Pods run (Linux, root or sudo). fake: Pods only look as if. none: a control plane. "
    "Default: real where this machine allows it, else fake.",
)
@click.option("--count", type=int, default=1, show_default=True, help="How many fake nodes.")
@click.option("--kubernetes", default=DEFAULT_KUBERNETES, show_default=True, help="The Kubernetes version.")
@click.option("--audit", is_flag=True, help="Record every request: rumpf cluster logs audit.")
@click.option(
    "--sample", is_flag=True, help="Deploy a small web application too, and wait until it is Ready."
)
@_output
def up(
    *, name: str, nodes: str | None, count: int, kubernetes: str, audit: bool, sample: bool, output: str
) -> None:
    """Bring a cluster up, and return once it is ready.

    It stays up until `rumpf cluster down`. The first time, its binaries are fetched.
    """
    console = for_stream()
    if nodes is None:
        nodes, reason = ("fake", "") if count > 1 else best_nodes()
        if reason:
            console.say(f"fake nodes (Pods are only simulated): {reason}")
    begun = time.monotonic()
    spec = ClusterSpec(name=name, nodes=cast("Nodes", nodes), count=count, kubernetes=kubernetes, audit=audit)
    running = bring_up(spec, console=console, stay=not sample)
    if sample:
        _show(running, console)
    if output == "json":
        click.echo(json.dumps(_describe(running) | {"seconds": round(time.monotonic() - begun, 2)}))
        return
    beside = exemption() if running.nodes == "real" else ""
    variables = filter(None, (f"KUBECONFIG={running.kubeconfig}", beside))
    console.say("use it:   export " + " ".join(map(shlex.quote, variables)))
    console.say(f"end it:   rumpf cluster down{_named(name)}")


@cluster.command()
@_name
@click.option("--all", "everything", is_flag=True, help="All clusters of this user.")
def down(*, name: str, everything: bool) -> None:
    """End a cluster; nothing of it is left."""
    console = for_stream()
    ending = clusters() if everything else (attach(name),)
    failed: list[ClusterError] = []
    for running in ending:
        begun = time.monotonic()
        try:
            running.down()
        except NoSuchCluster:
            if not everything:  # one of all may have ended by itself meanwhile
                raise
        except ClusterError as error:
            failed.append(error)
            continue
        console.say(f"{running.name} is down after {time.monotonic() - begun:.1f} s")
    if not ending:
        console.say("no cluster is up")
    _complain(failed, console)


@cluster.command()
@click.option("--name", help="This cluster alone.")
@_output
def status(*, name: str | None, output: str) -> None:
    """Show which clusters are up, and how each of their components is."""
    console = for_stream()
    failed: list[ClusterError] = []
    found = list(_with_status(clusters() if name is None else (attach(name),), failed))
    if output == "json":
        rows = [_describe(each) | {"components": [asdict(part) for part in parts]} for each, parts in found]
        click.echo(json.dumps(rows))
    elif not (found or failed):
        console.say("no cluster is up")
    else:
        _print_status(found)
    _complain(failed, console)


def _print_status(found: Iterable[tuple[Cluster, Sequence[ComponentStatus]]]) -> None:
    for each, parts in found:
        memory = amount_of(sum(part.memory for part in parts), "B")
        click.echo(
            f"{each.name}: Kubernetes {each.kubernetes}, {each.nodes} nodes, "
            f"up {_age(time.time() - each.created)}, {memory}"
        )
        click.echo(f"  {each.url}   KUBECONFIG={each.kubeconfig}")
        table = [
            (
                part.name,
                part.state,
                str(part.pid or "-"),
                _age(part.age),
                amount_of(part.memory, "B"),
                str(part.restarts),
            )
            for part in parts
        ]
        _table(("COMPONENT", "STATE", "PID", "AGE", "MEMORY", "RESTARTS"), table, indent="  ")


@cluster.command()
@_name
@click.option("--path", "as_path", is_flag=True, help="Print the file's path instead of its content.")
def kubeconfig(*, name: str, as_path: bool) -> None:
    """Print the administrator's kubeconfig."""
    file = attach(name).kubeconfig
    click.echo(file if as_path else file.read_text())


@cluster.command()
@_name
@click.argument("image")
def load(*, name: str, image: str) -> None:
    """Put an IMAGE into the node.

    IMAGE is an archive (docker save, podman save), the NAME of one that `rumpf image build` made, or
    the name of an image in a registry that this machine reaches.
    """
    console = for_stream()
    running = attach(name)
    built = image.removeprefix(_LOCAL).partition(":")[0] if image.startswith(_LOCAL) else image
    archive = next((path for path in (Path(image), _BUILT / f"{built}.tar") if path.is_file()), None)
    if archive:
        console.say(f"loading {archive}")
        running.load(archive)
    elif image.startswith(_LOCAL):
        raise UsageError(
            f"it has not been built here: there is no {_BUILT / built}.tar",
            remedy=f"rumpf image build {built}, then rumpf cluster load {built}; no registry has such images",
            where=image,
        )
    elif image.endswith(".tar") or "/" not in image:
        raise UsageError(
            "there is no such archive, and no image of that name was built here",
            remedy="rumpf image build makes one; one of a registry needs its whole name: "
            "docker.io/library/nginx:1",
            where=image,
        )
    else:
        console.say(f"fetching {image}")
        running.pull(image)


@cluster.command()
@_name
@click.option("-f", "--follow", is_flag=True, help="Go on as the log grows.")
@click.option("--tail", type=click.IntRange(min=0), help="Only the last lines.")
@click.argument("component")
def logs(*, name: str, component: str, follow: bool, tail: int | None) -> None:
    """Print the log of a COMPONENT: kube-apiserver, kubelet, containerd..."""
    file = attach(name).log(component)
    options = ["-n", "+1" if tail is None else str(tail), *(["-F"] if follow else [])]
    sys.exit(subprocess.run(["tail", *options, str(file)], check=False).returncode)


@cluster.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@_name
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def exec_(*, name: str, command: Sequence[str]) -> None:
    """Run a COMMAND in the cluster's own world (its network, mounts and processes); a shell by default."""
    argv = attach(name).enter(list(command) or [os.environ.get("SHELL", "/bin/sh")])
    os.execvp(argv[0], argv)  # noqa: S606 - it becomes the command


@cluster.command()
@click.option("--kubernetes", default=DEFAULT_KUBERNETES, show_default=True, help="The Kubernetes version.")
@click.option("--fetch", is_flag=True, help="Get what is missing now.")
@click.option(
    "--verify", is_flag=True, help="Compare what is in the cache with what was installed, byte by byte."
)
@_output
def assets(*, kubernetes: str, fetch: bool, verify: bool, output: str) -> None:
    """List the binaries a cluster is made of: which version, from where."""
    console = for_stream()
    stock = Assets(kubernetes=kubernetes, console=console)
    if verify:
        stock.verify()
    rows = stock.fetch() if fetch else stock.rows()
    if output == "json":
        click.echo(json.dumps([{**asdict(row), "path": str(row.path) if row.path else None} for row in rows]))
        return
    table = [(row.name, row.version, row.source, str(row.path or "-"), row.note) for row in rows]
    _table(("NAME", "VERSION", "FROM", "FILE", "NOTE"), table)


def _show(running: Cluster, console: Console) -> None:
    """Deploy the sample. The cluster stays where that fails, to be looked at; not where a person ends it."""
    from rumpf.cluster.sample import deploy_sample

    try:
        console.say(deploy_sample(running, console))
    except KeyboardInterrupt:
        running.down()
        raise Interrupted(
            "interrupted; the cluster was taken down", remedy="run it again", where=running.name
        ) from None
    except BaseException:
        running.keep()
        raise
    running.keep()


def _with_status(
    found: Iterable[Cluster], failed: list[ClusterError]
) -> Iterator[tuple[Cluster, tuple[ComponentStatus, ...]]]:
    for each in found:
        try:
            yield each, each.status()
        except NoSuchCluster:
            continue  # it ended since it was found
        except ClusterError as error:
            failed.append(error)


def _complain(failed: Sequence[ClusterError], console: Console) -> None:
    """Once everything else is done: one cluster that does not do what it should hides no other."""
    if failed:
        for error in failed[:-1]:
            console.say(f"error: {error}")
        raise failed[-1]


def _describe(running: Cluster) -> dict[str, Any]:
    return {
        "name": running.name,
        "nodes": running.nodes,
        "kubernetes": running.kubernetes,
        "url": running.url,
        "kubeconfig": str(running.kubeconfig),
        "created": running.created,
    }


def _named(name: str) -> str:
    return "" if name == DEFAULT_NAME else f" --name {name}"


def _age(seconds: float) -> str:
    return f"{seconds:.0f}s" if seconds < 2 * _MINUTE else f"{seconds / _MINUTE:.0f}m"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "") -> None:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        click.echo(
            (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
        )
