"""Enums and literals: a value out of a few."""

import enum
from typing import Any, Literal, get_args, get_origin

from rumpf.schema import Schema
from rumpf.schema.markers import Nullable
from rumpf.schema.place import Place
from rumpf.schema.written import Written

_TYPES: dict[type, str] = {str: "string", int: "integer", bool: "boolean"}


def choice(written: Written, place: Place) -> Schema | None:
    """Return the schema of an Enum or a Literal; None if it is neither."""
    if get_origin(written.bare) is Literal:
        values: list[Any] = list(get_args(written.bare))
    elif isinstance(written.bare, type) and issubclass(written.bare, enum.Enum):
        values = [each.value for each in written.bare]
    else:
        return None
    values = [each.value if isinstance(each, enum.Enum) else each for each in values]
    if written.has(Nullable):
        raise place.refuse(
            "null is none of its choices, and an API server refuses it even where `enum` names it",
            "leave out Nullable: absent is None; or add a choice that says what null would",
        )
    return {"type": _type(values, place), "enum": values}


def _type(values: list[Any], place: Place) -> str:
    kinds: set[type] = {type(each) for each in values}
    if len(kinds) != 1 or not kinds <= set(_TYPES):
        names = ", ".join(sorted(each.__name__ for each in kinds)) or "nothing"
        raise place.refuse(
            f"its choices are {names}, and a schema has exactly one type for a field",
            "let all of them be texts, or all of them whole numbers",
        )
    return _TYPES[kinds.pop()]
