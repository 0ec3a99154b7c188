"""A value is held against a schema as an API server would."""

from typing import Any

import pytest

from rumpf.schema import Schema
from rumpf.schema.conform import faults

TEXT: Schema = {"type": "string"}
KEYED: Schema = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["a", "b"],
    "items": {"type": "object", "properties": {"a": TEXT, "b": {"type": "string", "default": "x"}}},
}


@pytest.mark.parametrize(
    ("value", "schema", "fault"),
    [
        ("a", TEXT, None),
        (1, TEXT, ": 1 is not of type string"),
        (None, TEXT, ": null is not allowed"),
        (None, TEXT | {"nullable": True}, None),
        (True, {"type": "integer"}, ": True is not of type integer"),
        (True, {"type": "boolean"}, None),
        (1, {"type": "number"}, None),
        (1.5, {"type": "integer"}, ": 1.5 is not of type integer"),
        (1.5, {"x-kubernetes-int-or-string": True}, ": 1.5 is no whole number and no text"),
        ("ü", TEXT | {"maxLength": 1}, None),
        ("ab", TEXT | {"maxLength": 1}, ": 2 is longer than maxLength 1"),
        ("", TEXT | {"minLength": 1}, ": 0 is shorter than minLength 1"),
        ("ab", TEXT | {"pattern": "b"}, None),
        ("ab", TEXT | {"pattern": "^b"}, ": 'ab' does not match ^b"),
        ("now", TEXT | {"format": "date-time"}, ": 'now' is no date and time as in RFC 3339"),
        ("c", TEXT | {"enum": ["a", "b"]}, ": 'c' is none of a, b"),
        (1, {"type": "integer", "minimum": 1, "exclusiveMinimum": True}, ": 1 is less than it may be"),
        (1, {"type": "integer", "maximum": 0}, ": 1 is more than it may be"),
        (3, {"type": "integer", "multipleOf": 2}, ": 3 is no multiple of 2"),
        ({"a": 1}, {"type": "object"}, ".a: no such field"),
        ({"a": 1}, {"type": "object", "x-kubernetes-preserve-unknown-fields": True}, None),
        ({"a": 1}, {"type": "object", "additionalProperties": TEXT}, ".a: 1 is not of type string"),
        ({}, {"type": "object", "properties": {"a": TEXT}, "required": ["a"]}, ".a: it is required"),
        (["a", 1], {"type": "array", "items": TEXT}, "[1]: 1 is not of type string"),
        (["a", "a"], {"type": "array", "items": TEXT}, None),
        (
            ["a", "a"],
            {"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"},
            "[1]: it is there twice",
        ),
        ([{"a": "1"}, {"a": "1", "b": "x"}], KEYED, "[1]: it is there twice"),
        ([{"a": "1"}, {"a": "1", "b": "y"}], KEYED, None),
    ],
)
def test_a_value_is_right_or_the_fault_is_named_with_its_path(
    value: Any,  # noqa: ANN401 - JSON
    schema: Schema,
    fault: str | None,
) -> None:
    assert list(faults(value, schema)) == ([fault] if fault else [])
