"""Whether the paths of a resource (columns, scale, selectable fields) lead to something, and of what type."""

from collections.abc import Iterable

from rumpf.errors import DeclarationError
from rumpf.resource import Resource, ResourceNames
from rumpf.schema import Schema
from rumpf.schema.jsonpath import ANYTHING, NoSuchPath, find, names, root
from rumpf.schema.place import Place

_SHOWN = {"integer": {"integer"}, "number": {"integer", "number"}, "boolean": {"boolean"}, "date": {"string"}}
_FORMATS = {"", "int32", "int64", "float", "double", "byte", "date", "date-time", "password"}
_MOST_SELECTABLE = 8


def check_paths(resource: str, said: ResourceNames, schema: Schema) -> None:
    """Refuse paths that lead nowhere, or to what cannot be shown, scaled or selected by."""
    whole = root(schema)
    titles = [column.title for column in said.columns]
    for column in said.columns:
        where = f"{resource}, column {column.title!r}"
        found = _found(whole, column.path, where)
        wanted = _SHOWN.get(column.type)
        kind = found.get("type")
        if wanted and found != ANYTHING and (kind not in wanted or _no_date(column.type, found)):
            raise DeclarationError(
                f"{column.path} is {_called(found)}, and a column of type {column.type} would stay empty",
                where=where,
                remedy=f'write Column({column.title!r}, {column.path!r}, type="{_best(found)}")',
            )
        if column.format not in _FORMATS:
            raise DeclarationError(
                f"{column.format!r} is no format of a column",
                where=where,
                remedy=f"use one of {', '.join(sorted(_FORMATS - {''}))}",
            )
        if titles.count(column.title) > 1:
            raise DeclarationError("two columns have this title", where=where, remedy="rename one")
    if said.scale is not None:
        _check(whole, said.scale.spec, f"{resource}, scale", ".spec.", {"integer"})
        _check(whole, said.scale.status, f"{resource}, scale", ".status.", {"integer"})
        if said.scale.selector is not None:
            below = (".spec.", ".status.")
            _check(whole, said.scale.selector, f"{resource}, scale", below, {"string"})
    if len(said.selectable) > _MOST_SELECTABLE:
        raise DeclarationError(
            f"{len(said.selectable)} selectable fields",
            where=resource,
            remedy=f"an API server takes {_MOST_SELECTABLE} at most",
        )
    for path in said.selectable:
        _check(whole, path, f"{resource}, selectable", ".", {"string", "integer", "boolean"})
        if path.startswith((".metadata.", ".apiVersion", ".kind")):
            raise DeclarationError(
                f"{path} can be selected by or not, whatever a CRD says",
                where=f"{resource}, selectable",
                remedy="leave it out",
            )


def check_status(resource: type[Resource], place: Place) -> None:
    """Refuse a status that must be there: nobody may send one along, so a new object has none."""
    info = resource.model_fields.get("status")
    if info is not None and info.is_required():
        annotation = getattr(info.annotation, "__name__", "Status")
        raise place.field("status", "status").refuse(
            "it is required, and a new object has no status yet",
            f"give it a default: status: {annotation} = {annotation}()",
        )


def _check(schema: Schema, path: str, where: str, below: str | tuple[str, ...], types: Iterable[str]) -> None:
    if not path.startswith(below) or names(path) is None:
        wanted = " or ".join((below,) if isinstance(below, str) else below)
        raise DeclarationError(
            f"{path!r} is not a path of plain names below {wanted}",
            where=where,
            remedy="write one like .spec.replicas",
        )
    found = _found(schema, path, where)
    if str(found.get("type")) not in types:
        raise DeclarationError(
            f"{path} is {_called(found)}",
            where=where,
            remedy=f"name a field of type {' or '.join(sorted(types))}",
        )


def _found(schema: Schema, path: str, where: str) -> Schema:
    try:
        return find(schema, path)
    except NoSuchPath as error:
        raise DeclarationError(
            f"{path} leads nowhere: {error}",
            where=where,
            remedy="write the wire's names (podName, not pod_name)",
        ) from error


def _called(found: Schema) -> str:
    if "x-kubernetes-int-or-string" in found:
        return "a number or a text"
    kind = f"of type {found['type']}" if "type" in found else "of unknown type"
    return f"{kind} ({found['format']})" if "format" in found else kind


def _no_date(type: str, found: Schema) -> bool:  # noqa: A002 - as in the API
    return type == "date" and found.get("format") != "date-time"


def _best(found: Schema) -> str:
    kind: str = found.get("type", "string")
    if found.get("format") == "date-time":
        return "date"
    return kind if kind in _SHOWN else "string"
