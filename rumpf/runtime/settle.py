"""From the status that a reconcile returned to the one that is written, if anything is to be written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from rumpf.conditions import Status

Json = dict[str, Any]

_MOSTLY = 1.0
"""So long a status that is not the last word waits for the next: mostly that comes by then."""
_NEW = 3.0
"""So long while there is other work, where what is there says nothing of being Ready."""
_REPLACING = 5.0
"""So long if what is there is known to be behind, and something is being replaced: another has to start."""
_LONGEST = 10.0
"""So long in all if it is known to be behind, and while there is other work: all would be written twice."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A status that is kept back, because it will be out of date in a moment."""

    reason: str
    """That of its condition Ready."""
    since: float
    """Since when that has been the reason."""
    begun: float
    """Since when anything has been kept back."""

    @classmethod
    def next(cls, before: Self | None, status: Mapping[str, Any], now: float) -> Self:
        """Return what is known of a status that is to be kept back: another reason is news, and is young."""
        reason = str(_find(status.get("conditions") or (), "Ready").get("reason", ""))
        if before is not None and before.reason == reason:
            return before
        return cls(reason, now, before.begun if before else now)

    def until(self, observed: Mapping[str, Any], generation: int, *, busy: bool) -> float:
        """Tell when it is to be written all the same, by what is there and the generation of the resource."""
        if not is_ready(observed):
            return self.begun + (_NEW if busy else _MOSTLY)
        if not is_behind(observed, generation):
            # A person and `kubectl wait` believe it: it must not be wrong for long.
            return self.begun + _MOSTLY
        end = self.begun + _LONGEST
        return end if busy else min(end, self.since + (_REPLACING if self.replacing else _MOSTLY))

    @property
    def replacing(self) -> bool:
        """Whether something makes room for another."""
        return self.reason == "Replacing"


def wire(status: Status) -> Json:
    """Return a status with wire names. What is None is not there, nor a list or map that is empty by default.

    The API server fills in all other defaults, and not these.
    """
    dumped: Json = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    said = status.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    return _without_empty(dumped, said)


def _without_empty(dumped: Json, said: Json) -> Json:
    """Leave out lists and maps that are empty by default: whoever reads it finds the same."""
    return {
        key: _each(value, said.get(key))
        for key, value in dumped.items()
        if key in said or value not in ([], {})
    }


def _each(value: Any, said: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict) and isinstance(said, dict):
        return _without_empty(value, said)
    if isinstance(value, list) and isinstance(said, list):
        return [_each(one, other) for one, other in zip(value, said, strict=True)]
    return value


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
    ready = {
        "type": "Ready",
        "status": is_ready,
        "reason": reason,
        "message": message[:1024],
        "observedGeneration": generation,
    }
    placed = {each["type"]: each for each in (*(observed.get("conditions") or ()), ready)}
    return {**observed, "conditions": list(placed.values())}


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


def is_behind(status: Mapping[str, Any], generation: int) -> bool:
    """Whether a status tells of an older generation, as everybody can see."""
    return bool(status.get("observedGeneration") != generation)


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
