"""Defaults: what an API server fills in, as JSON, and held against the schema that it stands in."""

from collections.abc import Mapping
from typing import Any

import pydantic_core
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rumpf.schema import Schema, is_list, is_object
from rumpf.schema.conform import faults
from rumpf.schema.markers import Nullable
from rumpf.schema.node import Node
from rumpf.schema.place import Place
from rumpf.schema.written import Written, is_model


def with_default(node: Node, info: FieldInfo, written: Written, place: Place) -> Node:
    """Return what a field became with its default.

    None means absent, and is written nowhere. Nor is an empty list or map: absent, Python reads it as that.
    """
    schema = node.schema
    if info.is_required():
        if written.optional and not written.has(Nullable):
            raise place.refuse(
                "it may be None, and has no default: the cluster leaves out what is None, and Python"
                " would not read the object",
                "write `= None`; or, if it must be there and may be null: Annotated[X | None, Nullable()]",
            )
        return node
    value = _value(info, place)
    if value is None and (written.optional or written.bare is Any):
        return node
    if written.optional and not written.has(Nullable):
        raise place.refuse(
            "None never arrives: an API server fills in the default in its place",
            "write it without None, or with `= None`;"
            " or say that null is kept: Annotated[X | None, Nullable()]",
        )
    for fault in faults(value, schema, place.wire):
        raise place.refuse(f"its default is not what its schema asks for: {fault}", _remedy(value))
    if value in ([], {}) and not is_model(written):
        return node
    # An API server holds a default against the rules as it is written, before the defaults within it are
    # filled in.
    return node.saying(default=_filled(value, schema) if node.rules else value)


def _filled(value: Any, schema: Schema) -> Any:  # noqa: ANN401 - JSON
    if is_object(value):
        fields: dict[str, Schema] = schema.get("properties", {})
        missing = {name: each["default"] for name, each in fields.items() if "default" in each}
        each_other: Schema = schema.get("additionalProperties", {})
        return {name: _filled(each, fields.get(name, each_other)) for name, each in (missing | value).items()}
    if is_list(value):
        return [_filled(each, schema.get("items", {})) for each in value]
    return value


def _remedy(value: object) -> str:
    return "write X | None" if value is None else "change the default, or the bounds"


def _value(info: FieldInfo, place: Place) -> Any:  # noqa: ANN401 - JSON
    if info.default_factory is None:
        return _json(info.default, place)
    if info.default_factory_takes_validated_data:
        raise place.refuse(
            "its default depends on other fields, and an API server knows no such default",
            "write `= None`, and decide in the reconcile",
        )
    made = [_json(info.get_default(call_default_factory=True, validated_data={}), place) for _ in range(2)]
    if made[0] != made[1]:
        raise place.refuse(
            "its default is another one each time, and an API server has one for all",
            "write `= None`, and decide in the reconcile",
        )
    return made[0]


def _json(value: Any, place: Place) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, BaseModel):
        return _of_model(value, place)
    if _is(value, list, tuple):
        return [_json(each, place) for each in value]
    if _is(value, set, frozenset):
        return sorted(_json(each, place) for each in value)
    if _is(value, Mapping):
        return {str(key): _json(value[key], place) for key in value}
    if isinstance(value, str) and type(value) is not str:
        value = str.__str__(getattr(value, "value", value))
    try:
        return pydantic_core.to_jsonable_python(value)
    except pydantic_core.PydanticSerializationError as error:
        raise place.refuse(
            f"its default {value!r} cannot be written as JSON", "choose another one"
        ) from error


def _is(value: object, *kinds: type) -> bool:
    return isinstance(value, kinds)


def _of_model(value: BaseModel, place: Place) -> dict[str, Any]:
    # Only what was said: the rest are its fields' own defaults, and the API server fills those in as well.
    return {
        info.serialization_alias or name: _json(getattr(value, name), place)
        for name, info in type(value).model_fields.items()
        if name in value.model_fields_set
        and (getattr(value, name) is not None or any(isinstance(each, Nullable) for each in info.metadata))
    }
