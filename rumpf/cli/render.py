"""`rumpf render`: all that is installed for an operator, as YAML, or as the files that are committed."""

import json
from collections.abc import Iterable
from dataclasses import replace

import click

from rumpf.cli.choosing import grant_option, grants_of, grants_of_each, withhold_option
from rumpf.console import for_stream
from rumpf.errors import UsageError
from rumpf.manifests import Options, rendering, to_yaml
from rumpf.operator import Operator
from rumpf.project import Project, find
from rumpf.scaffold.committed import differences, write


@click.command("render")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--write",
    "to_files",
    is_flag=True,
    help="Write operators/NAME/k8s/*.yaml, which are committed, and print nothing.",
)
@click.option(
    "--namespace",
    default="",
    help="Where it is to run: a namespace that is there. Default: one of its own, called like it.",
)
@click.option("--image", help="Another image than the operator's own.")
@click.option(
    "--watch", multiple=True, metavar="NAMESPACE", help="Look after this namespace alone; may be repeated."
)
@click.option("--replicas", type=int, help="Another number than the operator's own.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the operator; may be repeated.",
)
@grant_option
@withhold_option
@click.option("--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
def render(  # noqa: PLR0913 - one for each option
    *,
    names: tuple[str, ...],
    to_files: bool,
    namespace: str,
    image: str | None,
    watch: tuple[str, ...],
    replicas: int | None,
    settings: tuple[str, ...],
    granted: tuple[str, ...],
    withheld: tuple[str, ...],
    output: str,
) -> None:
    """Print what is installed for operators: CRDs, rights, Deployment; without a NAME, for all of them.

    What it prints can be handed to `kubectl apply -f -`, in YAML or JSON. Samples are not in it: they are in
    operators/NAME/k8s/example-*.yaml.
    """
    project = find()
    options = Options(namespace, image, watch, replicas, pairs(settings), grants=grants_of(granted, withheld))
    if to_files:
        if options != Options():
            raise UsageError(
                "the committed files are what the declaration says, and nothing else",
                remedy="leave the other options out, or --write: then it is printed",
                where="--write",
            )
        _write(project, project.select(names).values())
        return
    selected = project.select(names).values()
    shares = grants_of_each(selected, options.grants)
    rendered = [rendering.render(each, replace(options, grants=shares[each.name])) for each in selected]
    manifests = [manifest for each in rendered for manifest in each.all]
    if output == "json":
        click.echo(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}, indent=2))
    else:
        click.echo(to_yaml(manifests), nl=False)


def pairs(settings: Iterable[str]) -> dict[str, str]:
    """Return what `--set KEY=VALUE` said."""
    found: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise UsageError(f"{setting!r} is no KEY=VALUE", remedy="write --set KEY=VALUE", where="--set")
        found[key] = value
    return found


def _write(project: Project, operators: Iterable[Operator]) -> None:
    console = for_stream()
    changed = [(operator, each) for operator in operators for each in differences(project, operator)]
    for _, difference in changed:
        write(difference)
        done = "deleted" if difference.wanted is None else "wrote"
        console.say(f"{done} {difference.path.relative_to(project.root)}")
    if not changed:
        console.say("all files are what their source says")
