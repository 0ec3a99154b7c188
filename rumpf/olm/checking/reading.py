"""YAML and JSON as they stand in bundles and catalogs, read without faith in what they hold."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, cast

import yaml

_TIME = "tag:yaml.org,2002:timestamp"


def _loader() -> type[yaml.SafeLoader]:
    """Return a loader that leaves dates as the texts that they are in JSON."""
    fastest: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    resolvers = {
        first: [(tag, pattern) for tag, pattern in those if tag != _TIME]
        for first, those in fastest.yaml_implicit_resolvers.items()
    }
    return type("Loader", (fastest,), {"yaml_implicit_resolvers": resolvers})


_LOADER = _loader()


def documents(text: str) -> list[object]:
    """Return the documents in a text that are not empty. Raises ValueError where it is no YAML."""
    try:
        return [each for each in yaml.load_all(text, Loader=_LOADER) if each is not None]
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"{line}{getattr(problem, 'problem', None) or problem}") from problem


def at(of: object, *path: str) -> object:
    """Return what is at a path; None where nothing is."""
    found = of
    for step in path:
        if not isinstance(found, Mapping):
            return None
        found = cast("Mapping[str, object]", found).get(step)
    return found


def record(of: object, *path: str) -> Mapping[str, Any]:
    """Return the object at a path; an empty one where there is none."""
    found = at(of, *path)
    return cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}


def records(of: object, *path: str) -> list[Mapping[str, Any]]:
    """Return the objects in the list at a path."""
    return [cast("Mapping[str, Any]", each) for each in items(of, *path) if isinstance(each, Mapping)]


def items(of: object, *path: str) -> list[object]:
    """Return the list at a path; an empty one where there is none."""
    found = at(of, *path)
    return cast("list[object]", found) if isinstance(found, list) else []


def text(of: object, *path: str) -> str:
    """Return the text at a path; an empty one where there is none."""
    found = at(of, *path)
    if isinstance(found, str):
        return found
    return found.isoformat() if isinstance(found, dt.date) else ""


def texts(of: object, *path: str) -> list[str]:
    """Return the texts in the list at a path."""
    return [each for each in items(of, *path) if isinstance(each, str)]


def numbered(of: object, *path: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the objects in the list at a path, each with its place in it."""
    for number, each in enumerate(items(of, *path)):
        if isinstance(each, Mapping):
            yield number, cast("Mapping[str, Any]", each)
