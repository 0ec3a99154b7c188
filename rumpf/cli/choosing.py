"""Options that several commands share, and what they come to for each operator."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click

from rumpf.cli.completion import contexts, namespaces
from rumpf.errors import UsageError
from rumpf.operator import Operator

Command = Callable[..., Any]

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
output_option = click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True
)
adopt_option = click.option(
    "--adopt", is_flag=True, help="Take over objects of the same names that are somebody else's."
)


def settings_of_each(operators: Iterable[Operator], settings: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return each operator's share of the settings; refuse those that none of them has."""
    selected = list(operators)
    known = {setting.name for operator in selected for setting in operator.settings}
    if unknown := sorted(set(settings) - known):
        raise UsageError(
            f"no operator has a setting {', '.join(unknown)}",
            where="--set",
            remedy=f"there is {', '.join(sorted(known)) or 'none'}",
        )
    return {
        operator.name: {
            setting.name: settings[setting.name] for setting in operator.settings if setting.name in settings
        }
        for operator in selected
    }
