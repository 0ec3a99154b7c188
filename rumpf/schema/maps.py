"""Maps from any text to one type, and content that nobody knows, on purpose."""

import collections.abc
from typing import Any, get_args, get_origin

import pydantic

from rumpf.schema.markers import Atomic, EmbeddedResource, PreserveUnknown
from rumpf.schema.node import Node, Walk
from rumpf.schema.place import Place
from rumpf.schema.rules import check_items
from rumpf.schema.written import Written, take_apart

_MAPS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


def map_node(written: Written, place: Place, walk: Walk) -> Node | None:
    """Return what a dict[str, X] becomes, or an object of unknown content; None if it is something else."""
    if _unknown(written.bare):
        _check_on_purpose(written, place)
        if written.has(EmbeddedResource):
            return Node({"type": "object"}).saying(embedded=True, preserve_unknown=True)
        return Node({}).saying(preserve_unknown=True)
    if (get_origin(written.bare) or written.bare) not in _MAPS:
        return None
    key, value = get_args(written.bare) or (str, Any)
    _check_key(key, place)
    if _unknown(value):
        _check_on_purpose(written, place)
        embedded = True if written.has(EmbeddedResource) else None
        node = Node({"type": "object"}).saying(embedded=embedded, preserve_unknown=True)
    else:
        values = walk(value, place.each())
        node = Node({"type": "object", "additionalProperties": values.schema}, values.rules)
        check_items(node, place)
        if written.has(PreserveUnknown, EmbeddedResource):
            raise place.refuse(
                "it says what it holds, and PreserveUnknown or EmbeddedResource that nobody knows",
                "leave the marker out, or write dict[str, Any]",
            )
    return node.saying(map_type="atomic" if written.has(Atomic) else None)


def _unknown(type: Any) -> bool:  # noqa: A002, ANN401 - any type at all
    return type is Any or type is object or type is pydantic.JsonValue


def _check_on_purpose(written: Written, place: Place) -> None:
    if not written.has(PreserveUnknown, EmbeddedResource):
        raise place.refuse(
            "nobody knows what is in it: an API server would drop all of it",
            "say what is in it by a model, or keep whatever there is:"
            " Annotated[dict[str, Any], PreserveUnknown()]",
        )


def _check_key(key: Any, place: Place) -> None:  # noqa: ANN401 - any type at all
    written, _ = take_apart(key, place)
    if written.bare is not str or written.optional or written.marks:
        raise place.refuse(
            "the keys of a map are texts of any kind: a schema has no word for which",
            'write dict[str, X], and say of the map which keys it may have: Cel("self.all(key, ...)", "...")',
        )
