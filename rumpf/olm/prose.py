"""The long description of an operator: its author's words, and what its declaration says, in Markdown."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rumpf.manifests import to_yaml
from rumpf.manifests.reading import words
from rumpf.objects import Manifest
from rumpf.operator import Operator

_LOOKS = frozenset({"get", "list", "watch"})


def description_of(
    operator: Operator, written: str, samples: Iterable[Manifest], rules: Iterable[Mapping[str, Any]]
) -> str:
    """Return what was written, then what to try, the settings, the rights, the way out."""
    samples, rules = tuple(samples), tuple(rules)
    sections = [written.strip() or operator.description]
    if samples:
        sections.append(f"## Try it\n\n```yaml\n{to_yaml(samples).strip()}\n```")
    if operator.settings:
        sections.append("## Settings\n\n" + "\n".join(_settings(operator)))
    if operator.grants:
        sections.append("## Rights that you may give it\n\n" + "\n".join(_grants(operator)))
    sections.append("## What it may do\n\n" + "\n".join(_rights(rules)))
    kinds = ", ".join(f"`{kind}`" for kind in operator.kinds)
    sections.append(
        "## When it is removed\n\n"
        f"OLM v0 leaves the CRDs ({kinds}) there, and with them the objects that people made; nothing looks"
        " after those until the operator is back. Deleting a CRD deletes all objects of its kind, and OLM v1"
        " does so when the ClusterExtension is deleted: keep copies of what you want back."
    )
    return "\n\n".join(sections) + "\n"


def _settings(operator: Operator) -> Iterator[str]:
    yield "Environment variables, which `spec.config.env` of a Subscription sets.\n"
    yield "| variable | default | |"
    yield "|---|---|---|"
    for setting in sorted(operator.settings, key=lambda each: each.name):
        shown = f"`{setting.default}`" if setting.default else "(empty)"
        yield f"| `{setting.name}` | {shown} | {setting.description} |"


def _grants(operator: Operator) -> Iterator[str]:
    for grant in sorted(operator.grants, key=lambda each: each.name):
        if grant.default:
            yield f"- **{grant.name}**, which it is given: {grant.description}"
            continue
        yield (
            f"- **{grant.name}**, which it is not given: {grant.description} Give it by a Role in each"
            f" namespace, bound to the account `{operator.full_name}`, and name these namespaces in"
            f" the variable `{grant.variable}`, with commas between them."
        )


def _rights(rules: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each kind of objects. No rule has a wildcard: the policies see to that."""
    verbs: dict[tuple[str, str], set[str]] = {}
    for rule in rules:
        for group in words(rule, "apiGroups"):
            for resource in words(rule, "resources"):
                verbs.setdefault((group, resource), set()).update(words(rule, "verbs"))
    for (group, resource), may in sorted(verbs.items()):
        name = f"`{resource}.{group}`" if group else f"`{resource}`"
        if may <= _LOOKS:
            yield f"- {name}: read ({', '.join(sorted(may))})"
        else:
            yield f"- {name}: {', '.join(sorted(may))}"
