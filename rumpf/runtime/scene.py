"""The world as one reconcile sees it: reads from the stores, writes that cannot hit the wrong object."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rumpf.api.client import CREATE_ONLY, MERGE
from rumpf.conditions import Status
from rumpf.errors import ApiError, DeclarationError
from rumpf.kinds import Kind
from rumpf.objects import Manifest, View
from rumpf.resource import Resource
from rumpf.runtime.caches import MANAGED_BY, Cached, owned
from rumpf.runtime.drift import APPLIED, content, covers, fingerprint
from rumpf.runtime.follows import Selection
from rumpf.runtime.own import Own
from rumpf.runtime.stage import Gone, NotLeading, Stage
from rumpf.runtime.store import Key, Store
from rumpf.runtime.surroundings import Surroundings
from rumpf.world import NotOurs, Waiting

V = TypeVar("V", bound=View)
T = TypeVar("T")
_CONFLICT, _NOT_FOUND, _INVALID = 409, 404, 422
_OLD_ONE_GOES = 2.0
_NOT_SO_FAST = 10.0
"""One that comes to its end is replaced at most so often: on a node that refuses it that is at once."""


@dataclass
class StandIns:
    """Children of one resource that make room for others, by kind and name."""

    expected: set[tuple[str, str]] = field(default_factory=set)
    """Who was deleted to be replaced: what comes now is a replacement."""
    ended: dict[tuple[str, str], float] = field(default_factory=dict)
    """When one was last replaced because it had come to an end."""


class Scene(Surroundings):
    """One look at the world: made for one reconcile of one resource, and then thrown away."""

    def __init__(self, stage: Stage, resource: Resource, stand_ins: StandIns, own: Own) -> None:
        super().__init__(stage, resource)
        self.memory = own.remembered
        self._stand_ins = stand_ins
        self._own = own

    async def ensure(self, view: type[V], desired: Manifest) -> V:
        """See `World.ensure`."""
        name = desired["metadata"]["name"]
        mark = fingerprint(desired)
        wanted = self._owned(view.kind, desired, mark)
        place = wanted["metadata"].get("namespace", "")
        entry = self._children(view.kind, place).get(Key(place, name))
        if entry is None:
            return await self._create(view, wanted)
        found = view.of(entry.load())
        self._check_ours(found)
        if found.deleting:
            raise self._goes(found)
        asked_before = found.annotations.get(APPLIED)
        if view.immutable and (asked_before != mark or found.spent):
            return await self._replace(found)
        if asked_before == mark and (covers(found.raw, wanted) or self._is_as_asked(found, mark)):
            return found
        return await self._mend(found, wanted, mark)

    def find(self, view: type[V], name: str, namespace: str | None = None) -> V | None:
        """See `World.find`."""
        place = self._resource.namespace if namespace is None else namespace
        key = Key(place if view.kind.namespaced else "", name)
        stores = self._stores(view.kind)
        for store in stores.values():
            if entry := store.get(key):
                return view.of(entry.load())
        self._stage.caches.check(stores, key.namespace)
        return None

    def children(self, view: type[V]) -> Sequence[V]:
        """See `World.children`."""
        # Those of what is in no namespace may be in any.
        store = self._children(view.kind, self._resource.namespace or None)
        entries = (store.get(key) for key in store.owned(self._resource.metadata.uid))
        return [view.of(entry.load()) for entry in entries if entry]

    async def read(self, view: type[V], name: str) -> V | None:
        """See `World.read`."""
        try:
            found = await self._stage.api.request("GET", view.kind.path(self._resource.namespace, name))
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise
            return None
        self._stage.caches.meet(view.kind, found, self._resource.metadata.uid)
        return view.of(found)

    async def select(
        self, view: type[V], labels: str, of: Callable[[V], T], *, keep: float = 60.0
    ) -> Sequence[T]:
        """See `World.select`."""
        self._check_followed(view)
        what = Selection(view.kind, self._resource.namespace if view.kind.namespaced else "", labels)
        followed = await self._stage.follows.ask(what, self._resource.metadata.uid, self._own.wake, keep=keep)
        return followed.each(lambda raw: of(view.of(raw)), of)

    async def save(self, status: Status) -> None:
        """See `World.save`."""
        await self._own.save(status)

    def reserve(self, what: str, most: int) -> bool:
        """See `World.reserve`."""
        return self._stage.places.reserve(what, most, self._resource.metadata.uid, self._own.wake)

    def release(self, what: str) -> None:
        """See `World.release`."""
        self._stage.places.release(what, self._resource.metadata.uid)

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
            # It is gone, or another has its name: the watch will tell. Or somebody wrote to it just now.
            if error.status == _CONFLICT:
                self.again(_OLD_ONE_GOES)
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

    async def _create(self, view: type[V], wanted: Manifest) -> V:
        name = wanted["metadata"]["name"]
        try:
            made = await self._make(view, wanted)
        except ApiError as error:
            if error.status != _CONFLICT:
                raise
            return await self._recognise(view, wanted)
        self._keep(view.kind, made, wanted)
        replaced = (view.kind.kind, name)
        if replaced in self._stand_ins.expected:
            self._stand_ins.expected.discard(replaced)
            self.event("Replaced", f"{view.kind.kind} {name} was replaced")
        else:
            self.event("Created", f"{view.kind.kind} {name} was created")
        return view.of(made)

    async def _make(self, view: type[V], wanted: Manifest) -> dict[str, Any]:
        """Create it; ApiError 409 where its name is taken."""
        if view.immutable:
            # Nothing will ever be taken out of it, so nobody has to know which fields were applied.
            self._check_may_write()
            manager = self._stage.operator.full_name
            return await self._stage.api.create(wanted, view.kind, manager=manager)
        metadata = {**wanted["metadata"], "resourceVersion": CREATE_ONLY}
        return await self._apply(view.kind, {**wanted, "metadata": metadata})

    async def _recognise(self, view: type[V], wanted: Manifest) -> V:
        """Somebody has the name: one of ours that the watch does not show (yet, or at all), or not."""
        name, namespace = wanted["metadata"]["name"], wanted["metadata"].get("namespace")
        try:
            found = view.of(await self._stage.api.request("GET", view.kind.path(namespace, name)))
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise
            raise Waiting("Replacing", f"{view.kind.kind} {name} has just gone", again=0.2) from error
        self._check_ours(found)
        self._take(view.kind, dict(found.raw))
        if found.deleting:
            raise self._goes(found)
        return await self._mend(found, wanted, wanted["metadata"]["annotations"][APPLIED])

    async def _replace(self, found: V) -> V:
        what = f"{found.kind.kind} {found.name}"
        name, now = (found.kind.kind, found.name), asyncio.get_running_loop().time()
        if found.spent:
            wait = self._stand_ins.ended.get(name, 0.0) + _NOT_SO_FAST - now
            if name in self._stand_ins.ended and wait > 0:
                raise Waiting("Replacing", f"{what} ended as soon as it began", again=wait)
            self._stand_ins.ended[name] = now
        await self.delete(found)
        self._stand_ins.expected.add(name)
        raise Waiting("Replacing", f"{what} makes room for a new one", again=_OLD_ONE_GOES)

    async def _mend(self, found: V, wanted: Manifest, mark: str) -> V:
        metadata = {**wanted["metadata"], "uid": found.uid}
        try:
            made = await self._apply(found.kind, {**wanted, "metadata": metadata})
        except ApiError as error:
            if error.status == _INVALID and found.immutable:
                return await self._replace(found)
            raise
        changed = made["metadata"]["resourceVersion"] != found.metadata["resourceVersion"]
        if changed and made.get("status") != found.get("status"):
            # It tells of more than was asked for, and the watch will not tell that again.
            self.again(0.0)
        self._keep(found.kind, made, wanted)
        if changed:
            was_asked = found.annotations.get(APPLIED) != mark
            reason, what = (
                ("Updated", "updated") if was_asked else ("Repaired", "changed by somebody, and mended")
            )
            self.event(reason, f"{found.kind.kind} {found.name} was {what}")
        return found.of(made)

    def _owned(self, kind: Kind, desired: Manifest, mark: str) -> Manifest:
        metadata = desired["metadata"]
        # Children of what has no namespace may say one.
        place = self._resource.namespace or metadata.get("namespace", "")
        ours = {
            **({"namespace": place} if kind.namespaced else {}),
            "labels": {**(metadata.get("labels") or {}), MANAGED_BY: self._stage.operator.full_name},
            "annotations": {**(metadata.get("annotations") or {}), APPLIED: mark},
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

    def _check_ours(self, found: View) -> None:
        """Raise, unless it belongs to this very resource: NotOurs, or Waiting if it is going anyway."""
        if self._resource.metadata.uid in found.owners:
            return
        kind = self._resource.names.kind
        what = f"{found.kind.kind} {found.name}"
        for owner in found.metadata.get("ownerReferences") or ():
            group = owner["apiVersion"].rpartition("/")[0]
            if (group, owner["kind"], owner["name"]) == (kind.group, kind.kind, self._resource.name):
                # The watch tells that to nobody: who owned it is gone.
                raise Waiting("Replacing", f"{what} of an earlier {kind.kind} is going", again=_OLD_ONE_GOES)
        raise NotOurs(
            "NameTaken",
            f"a {what.replace(' ', ' named ', 1)} is there already and does not belong to this {kind.kind}; "
            "it is left alone. Delete or rename it",
        )

    def _goes(self, found: View) -> Waiting:
        self._stand_ins.expected.add((found.kind.kind, found.name))
        return Waiting("Replacing", f"{found.kind.kind} {found.name} is on its way out", again=_OLD_ONE_GOES)

    def _keep(self, kind: Kind, made: dict[str, Any], wanted: Manifest) -> None:
        self._take(kind, made)
        uid = made["metadata"]["uid"]
        # Gone before the answer came, it is forgotten already.
        if not covers(made, wanted) and self._stage.caches.stores[owned(self._stage.operator, kind)].by_uid(
            uid
        ):
            mark = wanted["metadata"]["annotations"][APPLIED]
            self._stage.as_asked[uid] = (mark, content(made))

    def _is_as_asked(self, found: View, mark: str) -> bool:
        known = self._stage.as_asked.get(found.uid)
        return known is not None and known == (mark, content(found.raw))

    def _take(self, kind: Kind, found: dict[str, Any]) -> None:
        cached = owned(self._stage.operator, kind)
        self._stage.caches.learn(cached, found, self._resource.metadata.uid)

    def _children(self, kind: Kind, namespace: str | None) -> Store:
        """Return what is known of a kind. Raises Unseen if that is not all in a namespace (None: in any)."""
        what = owned(self._stage.operator, kind)
        store = self._stage.caches.stores.get(what)
        if store is None:
            raise DeclarationError(
                f"it has children of kind {kind.kind}, and does not say so",
                where=self._stage.operator.full_name,
                remedy=f"add the kind to @reconciler(..., owns=[{kind.kind}])",
            )
        self._stage.caches.check((what,), namespace)
        return store

    def _check_followed(self, view: type[View]) -> None:
        kind = self._resource.names.kind
        for each in self._stage.operator.reconcilers:
            if each.kind == kind and view.kind in {followed.kind for followed in each.follows}:
                return
        raise DeclarationError(
            f"it selects objects of kind {view.kind.kind}, and does not say so",
            where=self._stage.operator.full_name,
            remedy=f"add the kind to @reconciler(..., follows=[{view.kind.kind}])",
        )

    def _stores(self, kind: Kind) -> dict[Cached, Store]:
        return {what: store for what, store in self._stage.caches.stores.items() if what.kind == kind}

    async def _apply(self, kind: Kind, manifest: Manifest) -> dict[str, Any]:
        self._check_may_write()
        return await self._stage.api.apply(manifest, kind, manager=self._stage.operator.full_name)

    async def _write(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        self._check_may_write()
        if method == "PATCH":
            manager = {"fieldManager": self._stage.operator.full_name}
            return await self._stage.api.request(method, path, body, content_type=MERGE, params=manager)
        return await self._stage.api.request(method, path, body)

    def _check_may_write(self) -> None:
        if not self._stage.leads():
            raise NotLeading
        if not self._own.there():
            raise Gone
