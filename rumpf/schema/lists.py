"""Lists and sets: what they hold, and how Kubernetes merges them."""

import collections.abc
from typing import Any, get_args, get_origin

from rumpf.schema import Schema
from rumpf.schema.markers import Atomic, ListMap, ListSet
from rumpf.schema.node import Node, Walk
from rumpf.schema.place import Place
from rumpf.schema.rules import check_items
from rumpf.schema.written import Written

_LISTS = (list, collections.abc.Sequence)
_SETS = (set, frozenset, collections.abc.Set)


def list_node(written: Written, place: Place, walk: Walk) -> Node | None:
    """Return what a list, a tuple[X, ...] or a set becomes; None if it is something else."""
    origin, arguments = get_origin(written.bare) or written.bare, get_args(written.bare)
    if origin is tuple:
        if len(arguments) != 2 or arguments[1] is not Ellipsis:  # noqa: PLR2004 - tuple[X, ...] has two
            raise place.refuse(
                "a tuple of so many parts has no schema",
                "write tuple[X, ...], or a model with a field for each",
            )
    elif origin in _LISTS or origin in _SETS:
        if not arguments:
            raise place.refuse(
                f"{origin.__name__} does not say what it holds", "write list[str], for example"
            )
    else:
        return None
    items = walk(arguments[0], place.each())
    node = Node({"type": "array", "items": items.schema}, items.rules)
    kinds = written.all(ListMap, ListSet, Atomic)
    if origin in _SETS:
        kinds = (*kinds, ListSet())
    if len(set(kinds)) > 1:
        names = " and ".join(sorted({type(each).__name__ for each in kinds}))
        raise place.refuse(f"it is {names} at once", "choose one")
    return _merged(node, kinds[0] if kinds else None, place)


def _merged(node: Node, kind: ListMap | ListSet | Atomic | None, place: Place) -> Node:
    items: Schema = node.schema["items"]
    if isinstance(kind, ListMap):
        _check_keys(items, kind.keys, place)
        check_items(node, place)
        return node.saying(list_type="map", list_map_keys=list(kind.keys))
    # Nothing tells which item was which before: the API server refuses rules about that.
    for rule in node.rules:
        if rule.about != "state":
            raise rule.place.refuse(
                f"nothing tells which item of the list {place.python} it was before the change",
                f'mark {place.python} as a ListMap("key"), or say the rule of the whole list',
            )
    if isinstance(kind, ListSet):
        if items.get("type") in {"object", "array"} or not items.keys() & {
            "type",
            "x-kubernetes-int-or-string",
        }:
            raise place.refuse(
                "a set of objects or lists: an API server tells only scalars apart",
                'mark a list of them as a ListMap("key")',
            )
        if items.get("nullable"):
            raise place.refuse("null in a set", "leave out Nullable")
        return node.saying(list_type="set")
    return node.saying(list_type="atomic" if kind else None)


def _check_keys(items: Schema, keys: tuple[str, ...], place: Place) -> None:
    fields: dict[str, Any] = items.get("properties", {})
    if not keys or items.get("type") != "object" or items.get("nullable"):
        raise place.refuse(
            "a ListMap is a list of objects, told apart by the fields that it names",
            'hold models in it, and name a field: ListMap("name")',
        )
    for key in keys:
        if key not in fields:
            raise place.refuse(
                f"the items have no field {key!r} to tell them apart by",
                f"use wire names: {', '.join(fields) or 'there are none'}",
            )
        if fields[key].get("type") in {"object", "array"} or fields[key].get("nullable"):
            raise place.refuse(
                f"{key!r} is no text or number, so items cannot be told apart by it", "name another field"
            )
        if key not in items.get("required", ()) and "default" not in fields[key]:
            raise place.refuse(
                f"{key!r} may be absent, so items cannot be told apart by it",
                "make it required, or give it a default",
            )
