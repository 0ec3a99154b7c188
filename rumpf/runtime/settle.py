"""From the status that a reconcile returned to the one that is written, if anything is to be written."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rumpf.conditions import Status

Json = dict[str, Any]


def wire(status: Status) -> Json:
    """Return a status with wire names; what is None is not there."""
    dumped: Json = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    return dumped


def settled(status: Mapping[str, Any], observed: Mapping[str, Any], generation: int, now: datetime) -> Json:
    """Return the status as it is to be: about this generation, conditions with the time of their change.

    A condition that says which generation it is about has been taken over as it was, and stays so.
    """
    conditions = [
        _since(condition, _find(observed.get("conditions") or (), condition["type"]), generation, now)
        for condition in status.get("conditions") or ()
    ]
    return {**status, "observedGeneration": generation, "conditions": conditions}


def with_ready(
    observed: Mapping[str, Any], generation: int, is_ready: str, reason: str, message: str
) -> Json:
    """Return an observed status with another condition Ready, and nothing else changed."""
    others = [each for each in observed.get("conditions") or () if each["type"] != "Ready"]
    ready = {
        "type": "Ready",
        "status": is_ready,
        "reason": reason,
        "message": message[:1024],
        "observedGeneration": generation,
    }
    return {**observed, "conditions": [*others, ready]}


def difference(wanted: Mapping[str, Any], observed: Mapping[str, Any]) -> Json:
    """Return the merge patch from one status to the other; empty if there is nothing to write.

    A merge patch leaves alone what it does not name, in maps within maps too: what is to go is named.
    """
    patch: Json = {
        key: None for key, known in observed.items() if known is not None and wanted.get(key) is None
    }
    for key, value in wanted.items():
        known = observed.get(key)
        if value is None or value == known:
            continue
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            if inner := difference(value, known):
                patch[key] = inner
        else:
            patch[key] = value
    return patch


def is_ready(status: Mapping[str, Any]) -> bool:
    """Whether a status says that all is well."""
    return _find(status.get("conditions") or (), "Ready").get("status") == "True"


def _since(condition: Json, before: Mapping[str, Any], generation: int, now: datetime) -> Json:
    same = before.get("status") == condition["status"]
    since = before.get("lastTransitionTime") if same else None
    return {
        **condition,
        "lastTransitionTime": since or now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "observedGeneration": condition.get("observedGeneration", generation),
    }


def _find(conditions: Sequence[Mapping[str, Any]], what: str) -> Mapping[str, Any]:
    return next((each for each in conditions if each["type"] == what), {})
