"""What is at a path in a manifest that somebody else may have written: parts may be missing, or null."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

_NOTHING: Mapping[str, Any] = {}


def part(of: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return the object at a path; an empty one where there is none."""
    found = of
    for step in path:
        inner: object = found.get(step)
        found = cast("Mapping[str, Any]", inner) if isinstance(inner, Mapping) else _NOTHING
    return found


def parts(of: Mapping[str, Any], *path: str) -> Sequence[Mapping[str, Any]]:
    """Return the objects in the list at a path; none where there is no list."""
    return cast("Sequence[Mapping[str, Any]]", _listed(of, *path))


def words(of: Mapping[str, Any], *path: str) -> Sequence[str]:
    """Return the texts in the list at a path; none where there is no list."""
    return cast("Sequence[str]", _listed(of, *path))


def _listed(of: Mapping[str, Any], *path: str) -> Sequence[object]:
    found: object = part(of, *path[:-1]).get(path[-1])
    return cast("Sequence[object]", found) if isinstance(found, list) else ()
