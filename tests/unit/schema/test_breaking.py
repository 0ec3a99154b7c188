"""A change that breaks those who have objects is named, with its path and what to do; others are not."""

import copy
from typing import Any

import pytest

from rumpf.manifests import crd_for
from rumpf.manifests.breaking import Breaking, breaking
from rumpf.objects import Manifest
from tests.golden.crd.everything.types import Farm

FIELDS: Manifest = {
    "text": {"type": "string", "maxLength": 10, "minLength": 1},
    "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
    "count": {"type": "integer", "minimum": 1, "maximum": 9},
    "nullable": {"type": "string", "nullable": True},
    "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    "map": {"type": "object", "additionalProperties": {"type": "string"}},
    "rules": {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    },
}


def crd_of(spec: Manifest) -> Manifest:
    crd = crd_for(Farm)
    properties = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    properties["spec"] = {"type": "object", "properties": spec}
    return crd


def put(where: Any, path: str, value: Any) -> None:  # noqa: ANN401 - JSON
    """Set what is at a path, or take it away."""
    *steps, last = path.split("/")
    for step in steps:
        where = where[int(step) if step.isdigit() else step]
    if value is GONE:
        del where[last]
    else:
        where[last] = value


GONE = object()
NEVER = {"x-kubernetes-validations": [{"rule": "self != 'a'"}]}


@pytest.mark.parametrize(
    ("changes", "path", "what"),
    [
        ({"properties/text": GONE}, ".spec.text", "field removed"),
        ({"properties/rules/items/properties/name": GONE}, ".spec.rules[].name", "field removed"),
        ({"properties/text/type": "integer"}, ".spec.text", "type changed"),
        ({"properties/map/additionalProperties/type": "integer"}, ".spec.map[]", "type changed"),
        ({"properties/map/additionalProperties": GONE}, ".spec.map", "type changed"),
        ({"required": ["text"]}, ".spec.text", "required added"),
        ({"properties/rules/items/required": ["name", "port"]}, ".spec.rules[].port", "required added"),
        ({"properties/mode/enum": ["a"]}, ".spec.mode", "enum narrowed"),
        ({"properties/text/enum": ["a"]}, ".spec.text", "enum narrowed"),
        ({"properties/text/maxLength": 9}, ".spec.text", "bounds narrowed"),
        ({"properties/text/minLength": 2}, ".spec.text", "bounds narrowed"),
        ({"properties/text/pattern": "a"}, ".spec.text", "bounds narrowed"),
        ({"properties/text/format": "uri"}, ".spec.text", "bounds narrowed"),
        ({"properties/count/minimum": 2}, ".spec.count", "bounds narrowed"),
        ({"properties/count/maximum": 8}, ".spec.count", "bounds narrowed"),
        ({"properties/count/exclusiveMinimum": True}, ".spec.count", "bounds narrowed"),
        ({"properties/count/multipleOf": 2}, ".spec.count", "bounds narrowed"),
        ({"properties/map/maxProperties": 2}, ".spec.map", "bounds narrowed"),
        ({"properties/rules/maxItems": 2}, ".spec.rules", "bounds narrowed"),
        ({"properties/nullable/nullable": GONE}, ".spec.nullable", "null refused"),
        ({"properties/mode/default": "b"}, ".spec.mode", "default changed"),
        ({"properties/mode/default": GONE}, ".spec.mode", "default changed"),
        ({"properties/text/default": "b"}, ".spec.text", "default changed"),
        ({"properties/rules/x-kubernetes-list-map-keys": ["port"]}, ".spec.rules", "list keys changed"),
        ({"properties/rules/x-kubernetes-list-type": "atomic"}, ".spec.rules", "list keys changed"),
        (
            {"properties/open/x-kubernetes-preserve-unknown-fields": GONE},
            ".spec.open",
            "unknown content dropped",
        ),
        ({"properties/text": FIELDS["text"] | NEVER}, ".spec.text", "rule added"),
    ],
    ids=str,
)
def test_what_breaks_stored_objects_or_clients_is_named_with_its_path(
    changes: Manifest, path: str, what: str
) -> None:
    assert changed(changes) == [(f"v1beta1 {path}", what)]


@pytest.mark.parametrize(
    "changes",
    [
        {"properties/new": {"type": "string"}},
        {"required": ["mode"]},
        {"properties/text": {"x-kubernetes-int-or-string": True}},
        {"properties/count/type": "number"},
        {"properties/text/maxLength": 11},
        {"properties/text/minLength": GONE},
        {"properties/text/description": "something else"},
        {"properties/mode/enum": ["a", "b", "c"]},
        {"properties/mode/enum": GONE},
        {"properties/text/nullable": True},
        {"properties/text/x-kubernetes-validations": [{"rule": "self == oldSelf"}]},
    ],
    ids=str,
)
def test_what_is_only_more_generous_breaks_nobody(changes: Manifest) -> None:
    assert changed(changes) == []


def changed(changes: Manifest) -> list[tuple[str, str]]:
    old, new = crd_of(copy.deepcopy(FIELDS)), crd_of(copy.deepcopy(FIELDS))
    for path, value in changes.items():
        put(new, f"spec/versions/0/schema/openAPIV3Schema/properties/spec/{path}", value)
    return [(each.path, each.change) for each in breaking(old, new)]


@pytest.mark.parametrize(
    ("place", "value", "path", "what"),
    [
        ("spec/scope", "Namespaced", "spec.scope", "scope changed"),
        ("spec/names/kind", "Ranch", "spec", "kind changed"),
        ("spec/versions/0/name", "v1", "v1beta1", "version removed"),
        ("spec/versions/0/served", False, "v1beta1", "version no longer served"),
        ("spec/versions/0/subresources/scale", GONE, "v1beta1", "subresource removed"),
        ("spec/versions/0/selectableFields", [], "v1beta1", "selectable field removed"),
    ],
)
def test_what_breaks_all_objects_at_once_is_named(place: str, value: object, path: str, what: str) -> None:
    old, new = crd_for(Farm), crd_for(Farm)
    put(new, place, value)
    found = breaking(old, new)
    assert {(each.path, each.change) for each in found} == {(path, what)}
    assert all(each.remedy for each in found)


def test_a_default_of_the_status_is_the_operators_own() -> None:
    old, new = crd_for(Farm), crd_for(Farm)
    status = new["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    status["default"] = {}
    status["properties"]["replicas"]["default"] = 3
    assert breaking(old, new) == []


def test_nothing_breaks_where_nothing_changes_and_a_version_may_be_added() -> None:
    old, new = crd_for(Farm), crd_for(Farm)
    new["spec"]["versions"].append(new["spec"]["versions"][0] | {"name": "v1"})
    assert breaking(old, old) == []
    assert breaking(old, new) == []


def test_a_breaking_change_says_where_what_and_what_to_do() -> None:
    said = Breaking("v1 .spec.text", "bounds narrowed", "maxLength 10 is now 9", "keep it")
    assert str(said) == "v1 .spec.text: bounds narrowed: maxLength 10 is now 9\n  -> keep it"
