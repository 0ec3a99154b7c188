"""The workloads that Pods belong to: their names, how many Pods they want, how they are restarted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from operators.configwatcher.targets import Targets
from rumpf import DaemonSet, Deployment, Kind, ReplicaSet, Rule, StatefulSet, World
from rumpf.errors import ApiError
from rumpf.objects import Reference

RIGHTS = (
    Rule("apps", "replicasets", ("get",)),
    Rule("apps", "statefulsets", ("get",)),
    Rule("apps", "daemonsets", ("get",)),
)
_RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
_NOT_FOUND = 404
_KNOWN = {each.kind.kind: each.kind for each in (ReplicaSet, StatefulSet, DaemonSet, Deployment)}
_ROLLED_OUT = {each.kind.kind for each in (StatefulSet, DaemonSet, Deployment)}


@dataclass
class Workloads:
    """What is remembered of the owners of Pods."""

    _of: dict[str, Reference] = field(default_factory=dict)

    async def of(self, owner: Reference, world: World) -> Reference | None:
        """Return the workload that an owner of Pods belongs to: a ReplicaSet's Deployment, or itself.

        None if it is gone.
        """
        if owner.kind.kind != ReplicaSet.kind.kind or owner.kind.group != "apps":
            return owner
        if owner.uid not in self._of:
            found = await _get(ReplicaSet.kind, owner, world)
            if found is None:
                return None
            self._of[owner.uid] = ReplicaSet(found).controller or owner
        return self._of[owner.uid]

    async def wanted(self, owners: Iterable[Reference], targets: Targets, world: World) -> int:
        """Tell how many Pods these owners want. Of those that cannot be asked, all that were there are."""
        there: dict[str, int] = {}
        for each in targets.pods:
            if each.owner:
                there[each.owner.uid] = there.get(each.owner.uid, 0) + 1
        return sum([await _wanted(owner, there.get(owner.uid, 0), world) for owner in owners])

    async def restart(self, owner: Reference, changed: datetime, when: str, world: World) -> str:
        """Have the workload replace its Pods, as `kubectl rollout restart` does; return why it cannot.

        Not if that was done since the change, by whomever. It is the same `when` each time that it is asked
        for: then nothing happens twice.
        """
        workload = await self.of(owner, world)
        if workload is None:
            return ""
        kind = _known(workload.kind)
        if kind is None or kind.kind not in _ROLLED_OUT:
            return f"{workload} has no template to edit: use strategy Evict or Delete"
        found = await _get(kind, workload, world)
        if found is None or _restarted_since(found, changed):
            return ""
        annotated = {"metadata": {"annotations": {_RESTARTED_AT: when}}}
        body = {"metadata": {"uid": workload.uid}, "spec": {"template": annotated}}
        try:
            answer = await world.request("PATCH", kind.path(world.namespace, workload.name), body)
        except ApiError as error:
            if error.status == _NOT_FOUND:
                return ""
            raise
        if answer["spec"].get("paused"):
            return f"{workload} is paused, and replaces no Pods until it is resumed"
        return ""


def _restarted_since(found: Mapping[str, Any], changed: datetime) -> bool:
    """Whether the template was edited to that end after a change, both by the API server's clock."""
    times = [
        datetime.fromisoformat(each["time"])
        for each in found["metadata"].get("managedFields") or ()
        if each.get("time") and _restarts(each.get("fieldsV1") or {})
    ]
    return max(times, default=changed) > changed


def _restarts(fields: Mapping[str, Any]) -> bool:
    for step in ("f:spec", "f:template", "f:metadata", "f:annotations"):
        fields = fields.get(step) or {}
    return f"f:{_RESTARTED_AT}" in fields


async def _wanted(owner: Reference, there: int, world: World) -> int:
    kind = _known(owner.kind)
    if kind is None:
        return there
    found = await _get(kind, owner, world)
    if found is None:
        return 0
    if kind.kind == DaemonSet.kind.kind:
        return int(found.get("status", {}).get("desiredNumberScheduled", there))
    return int(found["spec"].get("replicas", 1))


async def _get(kind: Kind, what: Reference, world: World) -> dict[str, Any] | None:
    try:
        found = dict(await world.request("GET", kind.path(world.namespace, what.name)))
    except ApiError as error:
        if error.status == _NOT_FOUND:
            return None
        raise
    return found if found["metadata"]["uid"] == what.uid else None


def _known(kind: Kind) -> Kind | None:
    found = _KNOWN.get(kind.kind)
    return found if found and found.group == kind.group else None
