"""CEL: rules as the API server wants them, the fields that they speak of, and the ways round them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from rumpf.schema import Schema
from rumpf.schema.jsonpath import NoSuchPath, find, member
from rumpf.schema.markers import Cel, Immutable
from rumpf.schema.node import Node, Rule
from rumpf.schema.place import Place

_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'')
_PATHS = re.compile(r"\b(?:self|oldSelf)((?:\.\w+)*)(\()?")
_MACROS = {"all", "exists", "exists_one", "map", "filter", "existsOne", "transformList", "transformMap"}
_RESERVED = {
    *("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let"),
    *("loop", "namespace", "null", "package", "return", "true", "var", "void", "while"),
}
_SIGNS = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}


def rules_of(model: type[BaseModel]) -> tuple[Cel, ...]:
    """Return the rules of a model: those of what it inherits from first. None is lost by inheriting."""
    found: dict[Cel, None] = {}
    for each in reversed(model.__mro__):
        own: Iterable[Cel] = vars(each).get("__cel__", ())
        found.update(dict.fromkeys(own))
    return tuple(found)


def with_rules(node: Node, rules: Iterable[Cel], place: Place, *, immutable: Immutable | None = None) -> Node:
    """Return a node with rules about it."""
    said = [*rules]
    if immutable:
        said.append(Cel("self == oldSelf", immutable.message, removable=True))
    there = node.schema.get("x-kubernetes-validations", [])
    taken = {each["rule"] for each in there}
    for rule in said:
        _check(rule, node.schema, place)
        if rule.rule in taken:
            raise place.refuse(
                f'the rule "{rule.rule}" is there twice: an API server takes each once', "keep one of them"
            )
        taken.add(rule.rule)
    if not said:
        return node
    known = [*node.rules, *(_concern(rule, place) for rule in rules)]
    if immutable:
        known.append(Rule(place, "immutable"))
    return replace(node, rules=tuple(known)).saying(
        **{"x-kubernetes-validations": [*there, *(_wire(rule) for rule in said)]}
    )


def guards(
    fields: dict[str, Node], required: Iterable[str], own: tuple[Cel, ...], place: Place
) -> tuple[Cel, ...]:
    """Return the rules that keep an object's fields from being removed, where that would get round a rule.

    They are written for `Immutable`; for a rule about `oldSelf` its author must have written one.
    """
    needed: dict[Cel, None] = {}
    there_anyway = {*required, *(name for name, node in fields.items() if "default" in node.schema)}
    for name, node in fields.items():
        if name in there_anyway and not node.schema.get("nullable"):  # has() is false of null
            continue
        there = f"has(oldSelf.{cel_name(name)})"
        guard = f"!{there} || has(self.{cel_name(name)})"
        for rule in node.rules:
            if rule.about == "immutable":
                needed[Cel(guard, f"{name} cannot be removed", removable=True)] = None
            elif rule.about == "change" and not any(there in each.rule for each in own):
                raise rule.place.refuse(
                    f"its rule about oldSelf can be bypassed: remove {place.wire}.{name}, then set it anew",
                    f'say Immutable(); or give the model of {place.python} a rule: Cel("{guard}", "...");'
                    " or, if that is meant: Cel(..., removable=True)",
                )
    return tuple(needed)


def check_items(node: Node, place: Place) -> None:
    """Refuse rules about what an item was: it is removed from a keyed list or a map, and added anew."""
    for rule in node.rules:
        if rule.about in {"immutable", "change"}:
            raise rule.place.refuse(
                f"its rule about oldSelf can be bypassed: remove an item of {place.python}, then add it anew",
                "say Immutable() of the whole; or, if that is meant: Cel(..., removable=True)",
            )


def check_cost(node: Node, place: Place) -> None:
    """Refuse rules in a list or map that has no end: an API server reckons with the longest that can be.

    It may let a cheap rule pass. But a bound that is added later, when the rule has grown, breaks users.
    """
    bound, keyword = _bound(node.schema)
    if node.rules and bound and keyword not in node.schema:
        raise place.refuse(
            f"it may be of any length, and the rule of {node.rules[0].place.python} is tried for each item",
            f"say how long it can be: Field(max_length=...), so that it has {keyword}",
        )


def cel_name(name: str) -> str:
    """Return a wire name as CEL wants it written."""
    if name in _RESERVED:
        return f"__{name}__"
    return re.sub(r"__|[./-]", lambda found: _SIGNS[found.group()], name)


def _concern(rule: Cel, place: Place) -> Rule:
    if "oldSelf" not in _QUOTED.sub("", rule.rule):
        return Rule(place, "state")
    return Rule(place, "removable" if rule.removable else "change")


def _wire(rule: Cel) -> Schema:
    said: dict[str, Any] = {
        "rule": rule.rule,
        "message": rule.message,
        "messageExpression": rule.message_expression,
        "reason": rule.reason,
        "fieldPath": rule.field_path,
    }
    return {name: value for name, value in said.items() if value is not None}


def _check(rule: Cel, schema: Schema, place: Place) -> None:
    if not rule.rule.strip() or not rule.message.strip() or "\n" in rule.message.strip():
        raise place.refuse(
            f"the rule {rule.rule!r} needs a message in one line",
            'Cel("self > 0", "must be more than nothing")',
        )
    if rule.field_path is not None:
        try:
            find(schema, rule.field_path)
        except NoSuchPath as error:
            raise place.refuse(f"field_path: {error}", "write a path of wire names below this one") from error
    for expression in (rule.rule, rule.message_expression or ""):
        for steps, called in _spoken_of(expression):
            _check_path(steps, rule, schema, place, called=called)


def _spoken_of(expression: str) -> Iterator[tuple[list[str], str]]:
    """The fields that an expression speaks of, and what is called on each, if anything is."""
    for found in _PATHS.finditer(_QUOTED.sub('""', expression)):
        steps = found[1].split(".")[1:]
        yield (steps[:-1], steps[-1]) if found[2] and steps else (steps, "")


def _check_path(steps: list[str], rule: Cel, schema: Schema, place: Place, *, called: str) -> None:
    here, so_far = schema, "self"
    for step in steps:
        fields = here.get("properties")
        if fields is None and "additionalProperties" not in here:
            return  # of a text or list; or what nobody knows
        known = {cel_name(name): name for name in fields or ()}
        found = member(here, known.get(step, step))
        if found is None:
            wanted = to_camel(step)
            remedy = f"write {wanted}" if wanted in known else f"it has {', '.join(known) or 'no fields'}"
            raise place.refuse(
                f"the rule {rule.rule!r} speaks of {so_far}.{step}, which is not there", remedy
            )
        here, so_far = found, f"{so_far}.{step}"
    bound, keyword = _bound(here)
    if called in _MACROS and bound and keyword not in here:
        raise place.refuse(
            f"the rule {rule.rule!r} goes through {so_far}, which may be of any length",
            f"say how long it can be: Field(max_length=...), so that it has {keyword}",
        )


def _bound(schema: Schema) -> tuple[bool, str]:
    if schema.get("type") == "array":
        return True, "maxItems"
    return "additionalProperties" in schema, "maxProperties"
