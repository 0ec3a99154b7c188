"""The objects that show what an operator does: those of its own kinds are checked against their types.

Others that they need beside them (what is watched, what is restarted) are taken as they are.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from pydantic import ValidationError

from rumpf.errors import DeclarationError
from rumpf.manifests.reading import part
from rumpf.objects import Manifest
from rumpf.operator import Operator
from rumpf.resource import Resource


def samples_of(operator: Operator) -> tuple[Manifest, ...]:
    """Return the operator's samples, in their order; refuse one that would be refused, or cut down."""
    found = tuple(_checked(operator, sample) for sample in operator.samples)
    if found and not any(is_own(operator, sample) for sample in found):
        raise DeclarationError(
            "none of its samples is of a kind that it reconciles",
            where=f"Operator({operator.name!r})",
            remedy=f"add one: there is {_there(_types(operator))}",
        )
    return found


def is_own(operator: Operator, sample: Mapping[str, Any]) -> bool:
    """Whether a sample is of a kind that the operator reconciles."""
    return _type_name(sample) in _types(operator)


_TypeName = tuple[str, str]
"""The apiVersion and the kind."""


def _checked(operator: Operator, sample: Mapping[str, Any]) -> Manifest:
    version, kind = _type_name(sample)
    name = part(sample, "metadata").get("name")
    where = f"Operator({operator.name!r}), sample {kind} {name}"
    types = _types(operator)
    found = types.get((version, kind))
    if found is not None:
        return _understood(found, sample, where)
    if _group(version) in {_group(each) for each, _ in types}:
        raise DeclarationError(
            "it is of no kind that the operator reconciles", where=where, remedy=f"there is {_there(types)}"
        )
    if not (version and kind and name):
        raise DeclarationError(
            "it is no object", where=where, remedy="give it an apiVersion, a kind and a metadata.name"
        )
    return dict(sample)


def _understood(found: type[Resource], sample: Mapping[str, Any], where: str) -> Manifest:
    try:
        understood = found.model_validate(sample)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise DeclarationError(
            f"{place}: {first['msg']}", where=where, remedy="mend the sample, or the type"
        ) from error
    read = understood.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for field in ("spec", "status"):
        for unknown in _lost(sample.get(field), read.get(field), field):
            raise DeclarationError(
                f"{unknown}: no such field", where=where, remedy=f"write it as {found.__name__} does"
            )
    return dict(sample)


def _types(operator: Operator) -> dict[_TypeName, type[Resource]]:
    reconciled = [each.resource for each in operator.reconcilers]
    versions = [one for each in reconciled for one in (each, *each.names.other_versions)]
    return {(each.names.kind.api_version, each.names.kind.kind): each for each in versions}


def _there(types: Iterable[_TypeName]) -> str:
    return ", ".join(f"{kind} of {version}" for version, kind in types)


def _type_name(sample: Mapping[str, Any]) -> _TypeName:
    return str(sample.get("apiVersion") or ""), str(sample.get("kind") or "")


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def _lost(given: object, read: object, path: str) -> Iterator[str]:
    """Yield the paths of what was given and is not in what was read of it."""
    if isinstance(given, Mapping) and isinstance(read, Mapping):
        understood = cast("Mapping[str, object]", read)
        for key, value in cast("Mapping[str, object]", given).items():
            if key not in understood:
                yield f"{path}.{key}"
            else:
                yield from _lost(value, understood[key], f"{path}.{key}")
    elif isinstance(given, list) and isinstance(read, list):
        pairs = zip(cast("list[object]", given), cast("list[object]", read), strict=False)
        for number, (one, other) in enumerate(pairs):
            yield from _lost(one, other, f"{path}[{number}]")
