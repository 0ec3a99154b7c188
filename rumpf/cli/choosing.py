"""Options that several commands share, and what they come to for each operator."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

from rumpf.cli.completion import contexts, grants, namespaces
from rumpf.errors import UsageError
from rumpf.manifests import Options
from rumpf.manifests.workload import settings_of
from rumpf.operator import Operator
from rumpf.rights import EVERYWHERE, WITHHELD

Command = Callable[..., Any]
T = TypeVar("T")

context_option = click.option(
    "--context", help="Another context than the kubeconfig's current one.", shell_complete=contexts
)
namespace_option = click.option(
    "--namespace",
    default="",
    help="Where it is to run: a namespace that is there. Default: one of its own, called like it.",
    shell_complete=namespaces,
)
watch_option = click.option(
    "--watch",
    multiple=True,
    metavar="NAMESPACE",
    help="Look after this namespace alone; may be repeated.",
    shell_complete=namespaces,
)
settings_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the operator; may be repeated.",
)
grant_option = click.option(
    "--grant",
    "granted",
    multiple=True,
    metavar="NAME[=NAMESPACE,...]",
    help="Give the operator a right that can be withheld, in these namespaces, or wherever it is at work; "
    "may be repeated.",
    shell_complete=grants,
)
withhold_option = click.option(
    "--withhold",
    "withheld",
    multiple=True,
    metavar="NAME",
    help="Do not give it one that it would have; may be repeated.",
    shell_complete=grants,
)
output_option = click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True
)
adopt_option = click.option(
    "--adopt", is_flag=True, help="Take over objects of the same names that are somebody else's."
)


def settings_of_each(operators: Iterable[Operator], settings: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return each operator's share of the settings; refuse those that none has, and what they cannot be."""
    known = {each.name: each for each in operators}
    names = {name: [setting.name for setting in each.settings] for name, each in known.items()}
    shares = _shares(names, settings, "setting", "--set")
    for name, share in shares.items():
        settings_of(known[name], share)
    return shares


def grants_of_each(
    operators: Iterable[Operator], grants: Mapping[str, tuple[str, ...]]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return each operator's share of what is said of grants; refuse those that none of them has."""
    names = {each.name: [grant.name for grant in each.grants] for each in operators}
    return _shares(names, grants, "grant", "--grant")


def check_choice(
    operators: Iterable[Operator], settings: Mapping[str, str], grants: Mapping[str, tuple[str, ...]]
) -> None:
    """Refuse settings and grants that operators cannot be run with, before anything is made for them."""
    chosen = tuple(operators)
    settings_of_each(chosen, settings)
    for share in grants_of_each(chosen, grants).values():
        Options(grants=share)


def grants_of(granted: Iterable[str], withheld: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return what `--grant NAME=NAMESPACE` and `--withhold NAME` said: where each grant is given."""
    found: dict[str, set[str]] = {}
    for said in granted:
        name, equals, places = said.partition("=")
        given = {place.strip() for place in places.split(",") if place.strip()} if equals else set(EVERYWHERE)
        if not given:
            raise UsageError(
                f"{said!r} names no namespace",
                where="--grant",
                remedy=f"write {name}=NAMESPACE, or --withhold {name}",
            )
        found.setdefault(name, set()).update(given)
    for name in withheld:
        if name in found:
            raise UsageError(f"{name} is granted, and withheld", where="--withhold", remedy="say one of them")
    return {name: tuple(sorted(places)) for name, places in found.items()} | dict.fromkeys(withheld, WITHHELD)


def _shares(
    names: Mapping[str, Iterable[str]], chosen: Mapping[str, T], what: str, where: str
) -> dict[str, dict[str, T]]:
    known = {name for each in names.values() for name in each}
    if unknown := sorted(set(chosen) - known):
        raise UsageError(
            f"no operator has a {what} {', '.join(unknown)}",
            where=where,
            remedy=f"there is {', '.join(sorted(known)) or 'none'}",
        )
    return {
        operator: {name: chosen[name] for name in each if name in chosen} for operator, each in names.items()
    }
