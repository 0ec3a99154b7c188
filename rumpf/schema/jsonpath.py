"""JSON paths as kubectl reads them (`.status.conditions[0].status`), followed in a schema."""

import re

from rumpf.schema import Schema

_STEP = re.compile(
    r"""\.(?P<name>(?:[^.\[\]\\'"\s*?@()]|\\.)+)    # .name, .with\.dot
    | \[(?:'(?P<single>[^']+)'|"(?P<double>[^"]+)")\] # ['name']
    | \[(?P<index>\*|-?\d*(?::-?\d*)?)\]              # [0], [*], [-1:]
    | \[\?\((?P<filter>[^()]*)\)\]                    # [?(@.type=="Ready")]
    """,
    re.VERBOSE,
)
_OPERAND = re.compile(r"@((?:\.[\w-]+)+)")
_METADATA: Schema = {
    "type": "object",
    "properties": {
        **{
            name: {"type": "string"}
            for name in ("name", "generateName", "namespace", "uid", "resourceVersion")
        },
        **{
            name: {"type": "string", "format": "date-time"}
            for name in ("creationTimestamp", "deletionTimestamp")
        },
        "generation": {"type": "integer"},
        **{
            name: {"type": "object", "additionalProperties": {"type": "string"}}
            for name in ("labels", "annotations")
        },
        "finalizers": {"type": "array", "items": {"type": "string"}},
        "ownerReferences": {"type": "array", "items": {"x-kubernetes-preserve-unknown-fields": True}},
    },
}
ANYTHING: Schema = {"x-kubernetes-preserve-unknown-fields": True}
"""What is found below content that nobody knows."""


class NoSuchPath(Exception):
    """A path leads nowhere; it says where it ends, and what there is."""


def root(schema: Schema) -> Schema:
    """Return the schema of a whole object, with what the API server knows of each by itself."""
    given = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": _METADATA}
    return schema | {"properties": schema.get("properties", {}) | given}


def find(schema: Schema, path: str) -> Schema:
    """Return the schema of what a path leads to. Raise `NoSuchPath` if nothing can ever be there."""
    here, position = schema, 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise NoSuchPath(
                f"{path!r} cannot be read at {path[position:]!r}; paths look like .spec.rules[0].name"
            )
        here = _follow(here, step, path[:position] or "the object")
        position = step.end()
    return here


def names(path: str) -> list[str] | None:
    """Return the names of which a path consists; None if it has an index or a filter in it."""
    found = list(_STEP.finditer(path))
    if "".join(each.group() for each in found) != path or any(each["name"] is None for each in found):
        return None
    return [each["name"] for each in found]


def member(schema: Schema, name: str) -> Schema | None:
    """Return the schema of a field, or of a key of a map; None if it has no such field."""
    found: Schema | None = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
    if found is None and schema.get("x-kubernetes-preserve-unknown-fields"):
        return ANYTHING
    return found


def _follow(schema: Schema, step: re.Match[str], at: str) -> Schema:
    name = step["name"] or step["single"] or step["double"]
    if name is not None:
        name = re.sub(r"\\(.)", r"\1", name)
        found = member(schema, name)
        if found is None:
            there = ", ".join(schema.get("properties", {})) or "no fields"
            raise NoSuchPath(f"{at} has no {name!r}; it has {there}")
        return found
    if schema is ANYTHING or schema == ANYTHING:
        return ANYTHING
    items: Schema | None = schema.get("items")
    if items is None:
        raise NoSuchPath(f"{at} is no list, so it has no {step.group()}")
    for operand in _OPERAND.findall(step["filter"] or ""):
        find(items, operand)
    return items
