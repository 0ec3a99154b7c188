"""A type as its author wrote it, taken apart: the bare type, the marks on it, whether it may be None."""

import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ForwardRef, Literal, NewType, TypeVar, Union, get_args, get_origin

import annotated_types
import typing_extensions
from pydantic import BaseModel, JsonValue
from pydantic.fields import FieldInfo

from rumpf.schema.place import Place

# The statement `type X = ...` makes typing's, and not always typing_extensions', which pydantic uses.
_ALIASES: tuple[Any, ...] = (
    typing_extensions.TypeAliasType,
    getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType),
)


@dataclass(frozen=True)
class Written:
    """A type without `Annotated`, aliases and None; the marks from the innermost to the outermost."""

    bare: Any
    marks: tuple[object, ...] = ()
    optional: bool = False
    description: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def all(self, *kinds: type) -> tuple[Any, ...]:
        """Return the marks of these kinds."""
        return tuple(mark for mark in self.marks if isinstance(mark, kinds))

    def has(self, *kinds: type) -> bool:
        """Whether there is a mark of one of these kinds."""
        return bool(self.all(*kinds))


def is_model(written: Written) -> bool:
    """Whether a model was written."""
    return isinstance(written.bare, type) and issubclass(written.bare, BaseModel)


def take_apart(annotation: Any, place: Place, marks: Iterable[object] = ()) -> tuple[Written, Place]:  # noqa: ANN401
    """Return what was written, and the place inside of the aliases that it was written by."""
    found: list[object] = list(_flat(marks))
    optional = False
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation, *more = get_args(annotation)
            found[:0] = _flat(more)
        elif isinstance(annotation, _ALIASES) and annotation is not JsonValue:
            place = place.enter(annotation)
            annotation = annotation.__value__
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif origin in (Union, types.UnionType, Literal) and _none(origin) in get_args(annotation):
            optional = True
            left = tuple(each for each in get_args(annotation) if each is not _none(origin))
            annotation = Literal[left] if origin is Literal else Union[left]  # noqa: UP007 - made, not written
        else:
            break
    if isinstance(annotation, str | ForwardRef):
        text = annotation if isinstance(annotation, str) else annotation.__forward_arg__
        raise place.refuse(f"{text} is written as a text that cannot be looked up", "write the type itself")
    if isinstance(annotation, TypeVar):
        raise place.refuse(f"{annotation} is left open", "say which type it is: Box[int] instead of Box")
    infos = [mark for mark in found if isinstance(mark, FieldInfo)]
    return (
        Written(
            bare=annotation,
            marks=tuple(mark for mark in found if not isinstance(mark, FieldInfo)),
            optional=optional,
            description=next((each.description for each in reversed(infos) if each.description), None),
            extra=_merged(infos, place),
        ),
        place,
    )


def extra_of(info: FieldInfo, place: Place) -> Mapping[str, Any]:
    """Return what a field adds to its JSON schema; refuse a function that does so."""
    if callable(info.json_schema_extra):
        raise place.refuse(
            "json_schema_extra is a function, and nobody knows what it will say",
            'write a dictionary: json_schema_extra={"format": "..."}',
        )
    return info.json_schema_extra or {}


def _merged(infos: Iterable[FieldInfo], place: Place) -> Mapping[str, Any]:
    merged: dict[str, Any] = {}
    for info in infos:
        merged |= extra_of(info, place)
    return merged


def _none(origin: object) -> object:
    return None if origin is Literal else type(None)


def _flat(marks: Iterable[object]) -> Iterator[object]:
    for mark in marks:
        if isinstance(mark, FieldInfo):
            yield mark
            yield from _flat(mark.metadata)
        elif isinstance(mark, annotated_types.GroupedMetadata):
            yield from _flat(mark)
        elif mark is not None:
            yield mark
