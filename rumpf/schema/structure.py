"""The walk through a type: each step looks whether the type is its own; the first that knows it has it."""

import inspect
import re
from typing import Any

from pydantic import BaseModel
from pydantic.errors import PydanticUndefinedAnnotation
from pydantic.fields import FieldInfo

from rumpf.schema import Schema
from rumpf.schema.choices import choice
from rumpf.schema.constraints import constrain
from rumpf.schema.defaults import with_default
from rumpf.schema.lists import list_node
from rumpf.schema.maps import map_node
from rumpf.schema.markers import (
    Atomic,
    Cel,
    EmbeddedResource,
    Immutable,
    Inexact,
    ListMap,
    ListSet,
    Named,
    Nullable,
    PreserveUnknown,
)
from rumpf.schema.node import Above, Node
from rumpf.schema.place import Place
from rumpf.schema.refusals import check_field, check_model, wire_name
from rumpf.schema.rules import check_cost, guards, rules_of, with_rules
from rumpf.schema.scalars import int_or_string, scalar
from rumpf.schema.written import Written, extra_of, is_model, take_apart

_FITS: dict[type, tuple[str, ...]] = {
    ListMap: ("list",),
    ListSet: ("list",),
    Atomic: ("list", "object"),
    PreserveUnknown: ("object", "unknown"),
    EmbeddedResource: ("object", "unknown"),
    Inexact: ("number",),
}


def model_schema(model: type[BaseModel]) -> Schema:
    """Return the schema of a model."""
    return object_node(model, Place(model.__name__)).schema


def node_of(annotation: Any, place: Place) -> Node:  # noqa: ANN401 - any type at all
    """Return what a type becomes that no field says more about: an item of a list, a value of a map."""
    written, place = take_apart(annotation, place)
    if written.optional and not written.has(Nullable):
        raise place.refuse(
            "None among its items", "leave None out, or keep null: Annotated[X | None, Nullable()]"
        )
    node = _node(written, place)
    return node.saying(description=written.description or node.schema.get("description"))


def object_node(
    model: type[BaseModel], place: Place, above: Above = (), *, without: frozenset[str] = frozenset()
) -> Node:
    """Return what a model becomes: its fields, which of them are required, its rules."""
    place = place.enter(model)
    _complete(model, place)
    check_model(model, place)
    fields: dict[str, Node] = {}
    required: list[str] = []
    for name, info in model.model_fields.items():
        wire = wire_name(name, info, place)
        if name in without:
            continue
        at = place.field(name, wire)
        if wire in fields:
            raise at.refuse(f"another field is called {wire} on the wire, too", "give it another name")
        fields[wire] = _field(info, at)
        if info.is_required():
            required.append(wire)
    node = Node({"type": "object"}, tuple(rule for each in fields.values() for rule in each.rules)).saying(
        description=prose(model.__doc__),
        properties={wire: each.schema for wire, each in fields.items()} or None,
        required=required or None,
        map_type="atomic" if getattr(model, "__atomic__", False) else None,
    )
    own = rules_of(model)
    return with_rules(node, (*own, *guards(fields, required, (*own, *above), place)), place)


def prose(docstring: str | None) -> str | None:
    """Return a docstring as a description: paragraphs without the line breaks of the source."""
    if not docstring:
        return None
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(docstring))
    return "\n\n".join(
        each if re.search(r"^(\s|[-*] )", each, re.MULTILINE) else " ".join(each.split())
        for each in paragraphs
    )


def _field(info: FieldInfo, place: Place) -> Node:
    check_field(info, place)
    written, inner = take_apart(info.annotation, place, info.metadata)
    node = _node(written, inner, extra_of(info, place))
    description = prose(info.description) or written.description or node.schema.get("description")
    if info.deprecated:
        says = (
            info.deprecated if isinstance(info.deprecated, str) else getattr(info.deprecated, "message", "")
        )
        description = "\n\n".join(filter(None, [description, f"Deprecated: {says}".rstrip(": ")]))
    node = node.saying(description=description)
    return with_default(node, info, written, place)


def _node(written: Written, place: Place, extra: Any = None) -> Node:  # noqa: ANN401 - JSON
    written = Written(
        written.bare, written.marks, written.optional, written.description, {**written.extra, **(extra or {})}
    )
    cels = written.all(Cel)
    node = _bare(written, place, cels)
    _check_marks(written, node.schema, place)
    node = Node(constrain(node.schema, written, place), node.rules)
    if written.has(Nullable):
        node = node.saying(nullable=True)
    immutable = next(iter(written.all(Immutable)), None)
    check_cost(node, place)
    return with_rules(node, cels, place, immutable=immutable)


def _bare(written: Written, place: Place, above: Above) -> Node:
    if is_model(written):
        return _model(written, place, above)
    for step in (choice, int_or_string, scalar):
        schema = step(written, place)
        if schema is not None:
            return Node(schema)
    for walk in (list_node, map_node):
        node = walk(written, place, node_of)
        if node is not None:
            return node
    bare: Any = written.bare
    name = getattr(bare, "__name__", None) or str(bare)
    raise place.refuse(
        f"{name} has no counterpart in Kubernetes",
        "write it as a model (a subclass of rumpf.Model), a list, a dict[str, X], a text or a whole number;"
        " rumpf.types has Kubernetes' own types",
    )


def _model(written: Written, place: Place, above: Above) -> Node:
    model: type[BaseModel] = written.bare
    node = object_node(model, place, above)
    keeps = written.has(PreserveUnknown, EmbeddedResource)
    if model.model_config.get("extra") == "allow" and not keeps:
        raise place.refuse(
            f"{model.__name__} allows what it does not know, and an API server would drop it",
            "keep it: Annotated[..., PreserveUnknown()]; or leave out extra='allow'",
        )
    return node.saying(
        preserve_unknown=True if written.has(PreserveUnknown) else None,
        embedded=True if written.has(EmbeddedResource) else None,
        map_type="atomic" if written.has(Atomic) else None,
    )


def _check_marks(written: Written, schema: Schema, place: Place) -> None:
    kind = {"array": "list", "object": "object", "number": "number", None: "unknown"}.get(
        schema.get("type"), ""
    )
    kind = "" if "x-kubernetes-int-or-string" in schema else kind
    for mark in written.marks:
        name = type(mark).__name__
        if type(mark) in _FITS and kind not in _FITS[type(mark)]:
            raise place.refuse(f"{name} says nothing of a {schema.get('type', 'value')}", "leave it out")
        if isinstance(mark, Nullable) and not written.optional:
            raise place.refuse("it is Nullable, and Python has no None for it", "write X | None")
        if isinstance(mark, Named):
            raise place.refuse(
                "Named is for the metadata of a resource", "write Field(max_length=, pattern=)"
            )


def _complete(model: type[BaseModel], place: Place) -> None:
    try:
        model.model_rebuild()
    except PydanticUndefinedAnnotation as error:
        raise place.refuse(
            f"{model.__name__} speaks of {error.name}, which is not there yet",
            "define it first, or where the module can see it",
        ) from error
