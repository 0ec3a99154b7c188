"""Which sources a Pod cannot start without: the kubelet keeps it waiting until they are there."""

from collections.abc import Iterator, Mapping
from typing import Any

from operators.configwatcher.spec import SourceId
from rumpf import Pod


def needs_of(pod: Pod) -> tuple[str, frozenset[SourceId]]:
    """Return its uid, and what it needs."""
    return pod.uid, needed(pod)


def needed(pod: Pod) -> frozenset[SourceId]:
    """Return the ConfigMaps and Secrets that it refers to, and not as optional."""
    spec = {field: pod.get("spec", field) for field in ("volumes", "initContainers", "containers")}
    return frozenset(_named(spec))


def _named(part: object) -> Iterator[SourceId]:
    if isinstance(part, list):
        for each in part:
            yield from _named(each)
    elif isinstance(part, Mapping):
        for field, value in part.items():
            if isinstance(value, Mapping) and (found := _reference(field, value)):
                yield found
            else:
                yield from _named(value)


def _reference(field: str, value: Mapping[str, Any]) -> SourceId | None:
    """Tell what a field refers to: `configMap` of a volume, `secretKeyRef` of a variable, and their like."""
    name = value.get("name") or value.get("secretName")
    if not name or value.get("optional"):
        return None
    if field in {"configMap", "configMapRef", "configMapKeyRef"}:
        return SourceId("ConfigMap", name)
    if field in {"secret", "secretRef", "secretKeyRef"}:
        return SourceId("Secret", name)
    return None
