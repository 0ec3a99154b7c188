"""Texts, numbers, dates: each with the one schema that says what Python will read."""

import datetime as dt
import decimal
import pathlib
import uuid
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pydantic

from rumpf.schema import Schema
from rumpf.schema.constraints import constrain
from rumpf.schema.markers import Inexact
from rumpf.schema.place import Place
from rumpf.schema.written import Written, take_apart

_SCALARS: dict[object, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer", "format": "int64"},
    bool: {"type": "boolean"},
    dt.datetime: {"type": "string", "format": "date-time"},
    dt.date: {"type": "string", "format": "date"},
    uuid.UUID: {"type": "string", "format": "uuid"},
}

_TEXT = 'write str, with a pattern or a format: Field(json_schema_extra={"format": "uri"})'
_REFUSED: dict[object, tuple[str, str]] = {
    decimal.Decimal: ("a Decimal becomes a float on the way", "write rumpf.types.Quantity"),
    dt.timedelta: (
        "a timedelta is written in ISO 8601, and Kubernetes writes 1h30m",
        "write rumpf.types.Duration",
    ),
    dt.time: ("a time of day has no format in Kubernetes", "write str with a pattern"),
    bytes: ("bytes have no one way to be written in JSON", "keep them in a Secret or ConfigMap and name it"),
    pathlib.Path: ("a path is of this machine, and the cluster knows none", "write str with a pattern"),
    pydantic.SecretStr: (
        "a secret would stand in the object for everybody to read",
        "keep it in a Secret and name it: rumpf.types.SecretKeyRef",
    ),
    pydantic.SecretBytes: (
        "a secret would stand in the object for everybody to read",
        "keep it in a Secret and name it: rumpf.types.SecretKeyRef",
    ),
    pydantic.AnyUrl: ("a URL is read more strictly by Python than an API server can check", _TEXT),
    complex: ("a complex number has no counterpart", "write two fields"),
}


def scalar(written: Written, place: Place) -> Schema | None:
    """Return the schema of a text, number or date; None if it is something else."""
    found: Schema | None = _SCALARS.get(written.bare)
    if found is not None:
        return dict(found)
    if written.bare is float:
        return _number(written, place)
    _refuse(written.bare, place)
    own: Any = getattr(written.bare, "structural_schema", None)
    return dict(own()) if own is not None else None


def int_or_string(written: Written, place: Place) -> Schema | None:
    """Return the schema of `int | str`; refuse any other union; None if it is none."""
    if get_origin(written.bare) not in (Union, UnionType):
        return None
    parts = {part.bare: part for part, _ in (take_apart(each, place) for each in get_args(written.bare))}
    if parts.keys() == {int, str}:
        said = constrain({"type": "integer"}, parts[int], place) | constrain(
            {"type": "string"}, parts[str], place
        )
        return {**{name: said[name] for name in said if name != "type"}, "x-kubernetes-int-or-string": True}
    names = " | ".join(getattr(each, "__name__", str(each)) for each in parts)
    raise place.refuse(
        f"{names} is a union, and a structural schema has exactly one type for a field",
        "give each alternative a field of its own, `| None = None`, and the model a rule that one of them is"
        ' set: __cel__ = (Cel("has(self.a) != has(self.b)", "set either a or b"),). Only int | str is known.',
    )


def _number(written: Written, place: Place) -> Schema:
    if not written.has(Inexact):
        raise place.refuse(
            "a float does not come back as it was sent",
            "write an int in a smaller unit, or rumpf.types.Quantity;"
            " if a rounded number is what you want: Annotated[float, Inexact()]",
        )
    return {"type": "number"}


def _refuse(type: Any, place: Place) -> None:  # noqa: A002, ANN401 - any type at all
    for each in getattr(type, "__mro__", ()):
        if each in _REFUSED and not hasattr(type, "structural_schema"):
            what, remedy = _REFUSED[each]
            raise place.refuse(what, remedy)
