"""The workloads that Pods belong to: their names, how many Pods they want, how they are restarted."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

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
_AT_ONCE = 16
_KNOWN = {each.kind.kind: each.kind for each in (ReplicaSet, StatefulSet, DaemonSet, Deployment)}
_ROLLED_OUT = {each.kind.kind for each in (StatefulSet, DaemonSet, Deployment)}


@dataclass
class Workloads:
    """What is remembered of the owners of Pods."""

    _of: dict[str, Reference] = field(default_factory=dict[str, Reference])

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

    def keep(self, owners: Collection[str]) -> None:
        """Remember nothing of other owners than these, by their uids."""
        if len(self._of) > len(owners):
            self._of = {uid: workload for uid, workload in self._of.items() if uid in owners}

    def knows(self, owner: Reference) -> bool:
        """Whether owners of this kind can be asked how many Pods they want."""
        return _known(owner.kind) is not None

    async def wanted(self, owners: Iterable[Reference], world: World) -> dict[str, int]:
        """Tell how many Pods each owner wants, by its uid: 0 if it is gone; nothing if it cannot be asked."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(owner: Reference, kind: Kind) -> int | None:
            async with slots:
                return await _wanted(owner, kind, world)

        known = [(each, kind) for each in owners if (kind := _known(each.kind))]
        counts = await asyncio.gather(*(one(*each) for each in known))
        pairs = zip(known, counts, strict=True)
        return {owner.uid: count for (owner, _), count in pairs if count is not None}

    async def restart(self, owner: Reference, changed: datetime, when: str, world: World) -> str:
        """Have the workload replace its Pods, as `kubectl rollout restart` does; return what keeps it.

        Its template is not edited if that was done since the change, by whomever, nor where it would replace
        no Pod. It is the same `when` each time that it is asked for: then nothing happens twice.
        """
        workload = await self.of(owner, world)
        if workload is None:
            return ""
        kind = _known(workload.kind)
        if kind is None or kind.kind not in _ROLLED_OUT:
            return f"{workload} has no template to edit: use strategy Evict or Delete"
        found = await _get(kind, workload, world)
        if found is None:
            return ""
        if _replaces_none(found):
            return (
                f"{workload} has updateStrategy OnDelete: it replaces no Pods by itself; use strategy Evict"
            )
        if not _restarted_since(found, changed):
            annotated = {"metadata": {"annotations": {_RESTARTED_AT: when}}}
            body = {"metadata": {"uid": workload.uid}, "spec": {"template": annotated}}
            try:
                await world.request("PATCH", kind.path(world.namespace, workload.name), body)
            except ApiError as error:
                if error.status == _NOT_FOUND:
                    return ""
                raise
        return _what_keeps(workload, found)


def _replaces_none(found: Mapping[str, Any]) -> bool:
    return bool((found["spec"].get("updateStrategy") or {}).get("type") == "OnDelete")


def _what_keeps(workload: Reference, found: Mapping[str, Any]) -> str:
    """Say why Pods of a workload stay though its template was edited; nothing if they do not."""
    if found["spec"].get("paused"):
        return f"{workload} is paused, and replaces no Pods until it is resumed"
    rolling = (found["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
    partition = int(rolling.get("partition") or 0)
    if partition:
        return (
            f"{workload} has a partition of {partition}, and replaces no Pods below that number: "
            "set it to 0, or use strategy Evict"
        )
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


async def _wanted(owner: Reference, kind: Kind, world: World) -> int | None:
    found = await _get(kind, owner, world)
    if found is None:
        return 0
    if kind.kind == DaemonSet.kind.kind:
        counted: int | None = (found.get("status") or {}).get("desiredNumberScheduled")
        return counted
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
