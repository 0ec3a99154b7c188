"""Whether a JSON value is what a structural schema asks for, as an API server would see it."""

import datetime as dt
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rumpf.schema import Schema, is_list, is_object

_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def faults(value: Any, schema: Schema, path: str = "") -> Iterator[str]:  # noqa: ANN401 - JSON
    """Say what is wrong with a value: each fault with its path, none if it is as it should be.

    Types, choices, bounds, lengths, patterns, required and unknown fields, duplicates. CEL rules and most
    formats are left to the API server.
    """
    if value is None:
        if not schema.get("nullable"):
            yield f"{path}: null is not allowed"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {', '.join(map(str, schema['enum']))}"
    elif schema.get("x-kubernetes-int-or-string") and not (
        _TYPES["string"](value) or _TYPES["integer"](value)
    ):
        yield f"{path}: {value!r} is no whole number and no text"
    elif "type" in schema and not _TYPES[schema["type"]](value):
        yield f"{path}: {value!r} is not of type {schema['type']}"
    elif isinstance(value, str):
        yield from _text(value, schema, path)
    elif is_object(value):
        yield from _object(value, schema, path)
    elif is_list(value):
        yield from _list(value, schema, path)
    elif not isinstance(value, bool):
        yield from _number(value, schema, path)


def _text(value: str, schema: Schema, path: str) -> Iterator[str]:
    yield from _size(len(value), "Length", schema, path)
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: {value!r} does not match {schema['pattern']}"
    if schema.get("format") == "date-time":
        try:
            dt.datetime.fromisoformat(value)
        except ValueError:
            yield f"{path}: {value!r} is no date and time as in RFC 3339"


def _number(value: float, schema: Schema, path: str) -> Iterator[str]:
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    if value < low or (value == low and schema.get("exclusiveMinimum")):
        yield f"{path}: {value} is less than it may be"
    if value > high or (value == high and schema.get("exclusiveMaximum")):
        yield f"{path}: {value} is more than it may be"
    if "multipleOf" in schema and value % schema["multipleOf"]:
        yield f"{path}: {value} is no multiple of {schema['multipleOf']}"


def _object(value: Mapping[str, Any], schema: Schema, path: str) -> Iterator[str]:
    yield from _size(len(value), "Properties", schema, path)
    fields = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name}: it is required"
    for name, each in value.items():
        if name in fields:
            yield from faults(each, fields[name], f"{path}.{name}")
        elif "additionalProperties" in schema:
            yield from faults(each, schema["additionalProperties"], f"{path}.{name}")
        elif not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield f"{path}.{name}: no such field"


def _list(value: list[Any], schema: Schema, path: str) -> Iterator[str]:
    yield from _size(len(value), "Items", schema, path)
    for index, each in enumerate(value):
        yield from faults(each, schema.get("items", {}), f"{path}[{index}]")
    keys = schema.get("x-kubernetes-list-map-keys", ())
    kind = schema.get("x-kubernetes-list-type")
    told: list[Any] = list(value) if kind == "set" else []
    if kind == "map":
        fields: dict[str, Schema] = schema["items"]["properties"]
        told = [
            [each.get(key, fields[key].get("default")) for key in keys] for each in value if is_object(each)
        ]
    for index, each in enumerate(told):
        if each in told[:index]:
            yield f"{path}[{index}]: it is there twice"


def _size(size: int, noun: str, schema: Schema, path: str) -> Iterator[str]:
    if size < schema.get(f"min{noun}", 0):
        yield f"{path}: {size} is shorter than min{noun} {schema[f'min{noun}']}"
    if size > schema.get(f"max{noun}", size):
        yield f"{path}: {size} is longer than max{noun} {schema[f'max{noun}']}"
