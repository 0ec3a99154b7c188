"""Bounds, lengths, patterns, formats: what pydantic checks, in Kubernetes' words."""

import re
from collections.abc import Callable
from typing import Any

import annotated_types as at
from pydantic import Strict
from pydantic.types import FailFast

from rumpf.schema import Schema
from rumpf.schema.place import Place
from rumpf.schema.written import Written

_LENGTHS = {"string": "Length", "array": "Items", "object": "Properties"}
_NUMBERS = {"integer", "number"}
_HARMLESS = {"strict", "allow_inf_nan", "coerce_numbers_to_str", "union_mode", "fail_fast"}
_FORMATS = {
    "string": {
        *("bsonobjectid", "byte", "cidr", "creditcard", "date", "date-time", "duration", "email", "hexcolor"),
        *(
            "hostname",
            "ipv4",
            "ipv6",
            "isbn",
            "isbn10",
            "isbn13",
            "mac",
            "password",
            "rgbcolor",
            "ssn",
            "uri",
        ),
        *("uuid", "uuid3", "uuid4", "uuid5"),
    },
    "integer": {"int32", "int64"},
}


def constrain(schema: Schema, written: Written, place: Place) -> Schema:
    """Return the schema with all that was said of lengths, bounds and formats; refuse what has no word."""
    narrowed = dict(schema)
    for mark in written.marks:
        if isinstance(mark, at.MinLen | at.MaxLen):
            _length(narrowed, mark, place)
        elif isinstance(mark, at.Ge | at.Gt | at.Le | at.Lt):
            _bound(narrowed, mark, place)
        elif isinstance(mark, at.MultipleOf):
            _number(narrowed, mark, place)
            narrowed["multipleOf"] = mark.multiple_of
        elif isinstance(mark, Strict | FailFast):
            continue  # an API server is stricter than that by itself
        elif isinstance(mark, at.BaseMetadata):
            _general(narrowed, mark, place)
        else:
            _refuse_code(mark, place)
    _extra(narrowed, written, place)
    return narrowed


def _length(schema: Schema, mark: at.MinLen | at.MaxLen, place: Place) -> None:
    noun = _LENGTHS.get(schema.get("type", ""))
    if noun is None:
        raise place.refuse(
            f"{mark} is about a length, and this has none", "say ge= and le= of numbers, or leave it out"
        )
    if isinstance(mark, at.MinLen):
        if mark.min_length:
            _tighten(schema, f"min{noun}", mark.min_length, max)
    else:
        _tighten(schema, f"max{noun}", mark.max_length, min)


def _bound(schema: Schema, mark: at.Ge | at.Gt | at.Le | at.Lt, place: Place) -> None:
    _number(schema, mark, place)
    low = isinstance(mark, at.Ge | at.Gt)
    value: Any = next(getattr(mark, name) for name in ("ge", "gt", "le", "lt") if hasattr(mark, name))
    name, strictly = ("minimum", "exclusiveMinimum") if low else ("maximum", "exclusiveMaximum")
    there = schema.get(name)
    if there is None or (value > there if low else value < there):
        schema.pop(strictly, None)
        schema[name] = value
    if isinstance(mark, at.Gt | at.Lt) and schema[name] == value:
        schema[strictly] = True  # a boolean beside the bound, where pydantic has a number instead of it


def _number(schema: Schema, mark: object, place: Place) -> None:
    if schema.get("type") not in _NUMBERS:
        raise place.refuse(
            f"{mark} is about a number, and this is none",
            "say min_length= and max_length= of texts and lists",
        )


def _general(schema: Schema, mark: at.BaseMetadata, place: Place) -> None:
    if type(mark).__module__.partition(".")[0] != "pydantic":
        raise place.refuse(
            f"{mark} is a check in Python that an API server cannot make", "write it as a Cel(...) rule"
        )
    for name, value in vars(mark).items():
        if name == "pattern":
            schema["pattern"] = _pattern(schema, value, place)
        elif name not in _HARMLESS and value:
            raise place.refuse(
                f"{name} changes what was written, and the cluster would keep it as it was",
                "refuse by a pattern what is not written as it should be, or change it where it is used",
            )


def _pattern(schema: Schema, pattern: "str | re.Pattern[str]", place: Place) -> str:
    if "x-kubernetes-int-or-string" in schema:
        raise place.refuse(
            "a pattern is about the text of int | str, and Python would hold it against the number, too",
            'write int | Annotated[str, Field(pattern="...")]',
        )
    if schema.get("type") != "string" or "format" in schema:
        raise place.refuse("a pattern is about a text, and this is none", "leave it out")
    if "pattern" in schema:
        raise place.refuse(
            f"it has two patterns, {schema['pattern']} and {pattern}, and a schema has one",
            'say the second one as a rule: Cel("self.matches(...)", "...")',
        )
    text = pattern if isinstance(pattern, str) else pattern.pattern
    flags = 0 if isinstance(pattern, str) else pattern.flags & ~re.UNICODE
    if flags or re.search(r"\(\?(?:<?[=!]|P=|>|\()|\\[1-9]|[*+?}]\+", text):
        raise place.refuse(
            f"the pattern {text} asks for what Go's regular expressions do not have"
            f" ({'flags' if flags else 'looking around, references or possessive repeats'})",
            "write it without, or as a Cel(...) rule",
        )
    return text


def _extra(schema: Schema, written: Written, place: Place) -> None:
    if unknown := sorted(set(written.extra) - {"format"}):
        raise place.refuse(
            f"json_schema_extra says {', '.join(unknown)}, and only a format is taken over",
            "use Field(...) for bounds, and rumpf's markers for what is Kubernetes' own",
        )
    if "format" in written.extra:
        if schema.get("format", "int64") != "int64":
            raise place.refuse(f"it has a format of its own, {schema['format']}", "leave the other one out")
        known = _FORMATS.get(schema.get("type", ""), set())
        if written.extra["format"] not in known:
            raise place.refuse(
                f"{written.extra['format']!r} is not a format that an API server checks here",
                f"use one of {', '.join(sorted(known))}" if known else "leave it out",
            )
        schema["format"] = written.extra["format"]


def _refuse_code(mark: object, place: Place) -> None:
    name = type(mark).__name__
    if hasattr(mark, "__get_pydantic_core_schema__") or hasattr(mark, "__get_pydantic_json_schema__"):
        raise place.refuse(
            f"{name} is code in Python that an API server cannot run",
            "write a Cel(...) rule, or check it in the reconcile and raise Refused",
        )
    if name == "Discriminator":
        raise place.refuse("a Discriminator is for unions", "give each alternative a field of its own")


def _tighten(schema: Schema, name: str, value: int, tighter: Callable[[int, int], int]) -> None:
    schema[name] = tighter(schema[name], value) if name in schema else value
