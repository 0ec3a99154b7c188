"""The objects that show what an operator does, checked against the types that they are of."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import ValidationError

from rumpf.errors import DeclarationError
from rumpf.manifests.reading import part
from rumpf.objects import Manifest
from rumpf.operator import Operator
from rumpf.resource import Resource


def samples_of(operator: Operator) -> tuple[Manifest, ...]:
    """Return the operator's samples; refuse one that the API server would refuse, or cut down."""
    return tuple(_checked(operator, sample) for sample in operator.samples)


def _checked(operator: Operator, sample: Mapping[str, Any]) -> Manifest:
    what = f"{sample.get('kind')} {part(sample, 'metadata').get('name')}"
    where = f"Operator({operator.name!r}), sample {what}"
    types = {(type_.names.kind.api_version, type_.names.kind.kind): type_ for type_ in _versions(operator)}
    found = types.get((str(sample.get("apiVersion")), str(sample.get("kind"))))
    if found is None:
        there = ", ".join(f"{kind} of {version}" for version, kind in types)
        raise DeclarationError(
            "it is of no kind that the operator reconciles", where=where, remedy=f"there is {there}"
        )
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


def _versions(operator: Operator) -> Iterator[type[Resource]]:
    for each in operator.reconcilers:
        yield each.resource
        yield from each.resource.names.other_versions


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
