"""The world as one reconcile sees it: reads from the stores, writes that cannot hit the wrong object."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rumpf.api import Api
from rumpf.api.client import CREATE_ONLY
from rumpf.errors import ApiError, DeclarationError
from rumpf.kinds import Kind
from rumpf.objects import Manifest, View
from rumpf.operator import Operator
from rumpf.resource import Resource
from rumpf.runtime.caches import MANAGED_BY, Caches, owned
from rumpf.runtime.drift import APPLIED, covers, fingerprint
from rumpf.runtime.store import Key, Store
from rumpf.world import EventType, NotOurs, Waiting

V = TypeVar("V", bound=View)
Note = Callable[[Resource, EventType, str, str], None]
"""Posts an Event some time later: on what, its type, reason and message."""
_CONFLICT, _NOT_FOUND, _INVALID = 409, 404, 422
_OLD_ONE_GOES = 2.0


class NotLeading(Exception):
    """Another replica leads now: nothing more may be written."""


@dataclass
class Stage:
    """What all scenes of an operator share."""

    api: Api
    operator: Operator
    caches: Caches
    note: Note
    leads: Callable[[], bool]
    settings: Mapping[str, str]
    as_asked: dict[str, str] = field(default_factory=dict)
    """Children, by uid, whose wish the API server has put into words of its own; and which wish."""


class Scene:
    """One look at the world: made for one reconcile of one resource, and then thrown away."""

    def __init__(self, stage: Stage, resource: Resource, stand_ins: set[str]) -> None:
        self.settings = stage.settings
        self.look_again: float | None = None
        self._stage = stage
        self._resource = resource
        self._replaced = stand_ins
        """Names of children that were deleted to be replaced: what comes now is a replacement."""

    async def ensure(self, view: type[V], desired: Manifest) -> V:
        """See `World.ensure`."""
        name = desired["metadata"]["name"]
        mark = fingerprint(desired)
        wanted = self._owned(view.kind, desired, mark)
        found = self.find(view, name)
        if found is None:
            return await self._create(view, wanted)
        if self._resource.metadata.uid not in found.owners:
            raise self._foreign(view.kind, name)
        if found.deleting:
            self._replaced.add(name)
            raise Waiting("Replacing", f"{view.kind.kind} {name} is on its way out", again=_OLD_ONE_GOES)
        asked_before = found.annotations.get(APPLIED)
        if view.immutable and (asked_before != mark or found.spent):
            return await self._replace(view, found)
        if asked_before == mark and (
            covers(found.raw, wanted) or self._stage.as_asked.get(found.uid) == mark
        ):
            return found
        return await self._mend(view, found, wanted, mark)

    def find(self, view: type[V], name: str, namespace: str | None = None) -> V | None:
        """See `World.find`."""
        key = Key(self._resource.namespace if namespace is None else namespace, name)
        for store in self._stores(view.kind):
            if entry := store.get(key):
                return view.of(entry.load())
        return None

    def children(self, view: type[V]) -> Sequence[V]:
        """See `World.children`."""
        store = self._children(view.kind)
        entries = (store.get(key) for key in store.owned(self._resource.metadata.uid))
        return [view.of(entry.load()) for entry in entries if entry]

    async def delete(self, child: View) -> None:
        """See `World.delete`."""
        try:
            answer = await self._write(
                "DELETE",
                child.kind.path(child.namespace, child.name),
                {"preconditions": {"uid": child.uid}, "propagationPolicy": "Background"},
            )
        except ApiError as error:
            if error.status not in {_NOT_FOUND, _CONFLICT}:
                raise
            # It is gone, or another has its name: the watch will tell.
            return
        if answer.get("kind") == child.kind.kind and "deletionTimestamp" in answer["metadata"]:
            self._take(child.kind, answer)

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """See `World.request`."""
        if method == "GET":
            return await self._stage.api.request(method, path)
        return await self._write(method, path, body)

    def event(self, reason: str, message: str, *, type: EventType = "Normal") -> None:  # noqa: A002 - as in the API
        """See `World.event`."""
        self._stage.note(self._resource, type, reason, message)

    def again(self, seconds: float) -> None:
        """See `World.again`."""
        self.look_again = seconds if self.look_again is None else min(seconds, self.look_again)

    async def _create(self, view: type[V], wanted: Manifest) -> V:
        name = wanted["metadata"]["name"]
        metadata = {**wanted["metadata"], "resourceVersion": CREATE_ONLY}
        try:
            made = await self._apply(view.kind, {**wanted, "metadata": metadata})
        except ApiError as error:
            if error.status != _CONFLICT:
                raise
            return await self._recognise(view, wanted)
        self._keep(view.kind, made, wanted)
        if name in self._replaced:
            self._replaced.discard(name)
            self.event("Replaced", f"{view.kind.kind} {name} was replaced")
        else:
            self.event("Created", f"{view.kind.kind} {name} was created")
        return view.of(made)

    async def _recognise(self, view: type[V], wanted: Manifest) -> V:
        """Somebody has the name: one of ours that the watch does not show (yet, or at all), or not."""
        name, namespace = wanted["metadata"]["name"], wanted["metadata"].get("namespace")
        try:
            found = view.of(await self._stage.api.request("GET", view.kind.path(namespace, name)))
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise
            raise Waiting("Replacing", f"{view.kind.kind} {name} has just gone", again=0.2) from error
        if self._resource.metadata.uid not in found.owners:
            raise self._foreign(view.kind, name)
        self._take(view.kind, dict(found.raw))
        if found.deleting:
            raise Waiting("Replacing", f"{view.kind.kind} {name} is on its way out", again=_OLD_ONE_GOES)
        return await self._mend(view, found, wanted, wanted["metadata"]["annotations"][APPLIED])

    async def _replace(self, view: type[V], found: V) -> V:
        await self.delete(found)
        self._replaced.add(found.name)
        raise Waiting(
            "Replacing", f"{view.kind.kind} {found.name} makes room for a new one", again=_OLD_ONE_GOES
        )

    async def _mend(self, view: type[V], found: V, wanted: Manifest, mark: str) -> V:
        metadata = {**wanted["metadata"], "uid": found.uid}
        try:
            made = await self._apply(view.kind, {**wanted, "metadata": metadata})
        except ApiError as error:
            if error.status == _INVALID and view.immutable:
                return await self._replace(view, found)
            raise
        changed = made["metadata"]["resourceVersion"] != found.metadata["resourceVersion"]
        self._keep(view.kind, made, wanted)
        if changed:
            was_asked = found.annotations.get(APPLIED) != mark
            reason, what = (
                ("Updated", "updated") if was_asked else ("Repaired", "changed by somebody, and mended")
            )
            self.event(reason, f"{view.kind.kind} {found.name} was {what}")
        return view.of(made)

    def _owned(self, kind: Kind, desired: Manifest, mark: str) -> Manifest:
        metadata = desired["metadata"]
        ours = {
            "namespace": self._resource.namespace,
            "labels": {**metadata.get("labels", {}), MANAGED_BY: self._stage.operator.full_name},
            "annotations": {**metadata.get("annotations", {}), APPLIED: mark},
            "ownerReferences": [
                {
                    "apiVersion": self._resource.names.kind.api_version,
                    "kind": self._resource.names.kind.kind,
                    "name": self._resource.name,
                    "uid": self._resource.metadata.uid,
                    "controller": True,
                }
            ],
        }
        content = {key: value for key, value in desired.items() if key not in {"apiVersion", "kind"}}
        return {**content, "metadata": {**metadata, **ours}}

    def _foreign(self, kind: Kind, name: str) -> NotOurs:
        return NotOurs(
            "NameTaken",
            f"a {kind.kind} named {name} is there already and does not belong to this "
            f"{self._resource.names.kind.kind}; it is left alone. Delete or rename it",
        )

    def _keep(self, kind: Kind, made: dict[str, Any], wanted: Manifest) -> None:
        self._take(kind, made)
        if not covers(made, wanted):
            self._stage.as_asked[made["metadata"]["uid"]] = wanted["metadata"]["annotations"][APPLIED]

    def _take(self, kind: Kind, found: dict[str, Any]) -> None:
        self._children(kind).put(found)

    def _children(self, kind: Kind) -> Store:
        store = self._stage.caches.stores.get(owned(self._stage.operator, kind))
        if store is None:
            raise DeclarationError(
                f"it has children of kind {kind.kind}, and does not say so",
                where=self._stage.operator.full_name,
                remedy=f"add the kind to @reconciler(..., owns=[{kind.kind}])",
            )
        return store

    def _stores(self, kind: Kind) -> list[Store]:
        return [store for what, store in self._stage.caches.stores.items() if what.kind == kind]

    async def _apply(self, kind: Kind, manifest: Manifest) -> dict[str, Any]:
        self._check_leading()
        return await self._stage.api.apply(manifest, kind, manager=self._stage.operator.full_name)

    async def _write(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        self._check_leading()
        return await self._stage.api.request(method, path, body)

    def _check_leading(self) -> None:
        if not self._stage.leads():
            raise NotLeading
