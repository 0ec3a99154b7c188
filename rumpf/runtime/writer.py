"""Writes to the resources of one kind: their status and our finalizer, nothing else."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rumpf.api.client import MERGE
from rumpf.errors import ApiError
from rumpf.runtime.caches import Cached
from rumpf.runtime.settle import Json, difference, settled
from rumpf.runtime.stage import NotLeading, Stage
from rumpf.runtime.store import Key

_NOT_FOUND, _CONFLICT = 404, 409


class Writer:
    """Writes what differs, and only while this replica leads."""

    def __init__(self, cached: Cached, stage: Stage, *, exact: bool = False, has_status: bool = True) -> None:
        self._cached = cached
        self._kind = cached.kind
        self._stage = stage
        self._exact = exact
        """Whether a status may only be written over the one that was seen."""
        self._has_status = has_status
        self._store = stage.caches.stores[cached]
        self.settling: set[Key] = set()
        """Whose status is being written: the watch may tell of it before the answer does."""

    def change(self, raw: Mapping[str, Any], status: Mapping[str, Any], generation: int) -> Json:
        """Return what is to be written so that the status is this one, about a generation; mostly nothing."""
        if not self._has_status:
            return {}
        observed = raw.get("status") or {}
        return difference(settled(status, observed, generation, datetime.now(UTC)), observed)

    async def settle(
        self, key: Key, raw: Mapping[str, Any], status: Mapping[str, Any], generation: int
    ) -> None:
        """Write a status, if it differs from what is there."""
        await self.status(key, raw, self.change(raw, status, generation))

    async def status(self, key: Key, raw: Mapping[str, Any], change: Json) -> None:
        """Write a change of a status, if there is one."""
        if not change:
            return
        uid = raw["metadata"]["uid"]
        try:
            await self._change_status(key, raw, change, exact=self._exact)
        except ApiError as error:
            there = self._store.get(key)
            is_gone = error.status == _NOT_FOUND or there is None or there.uid != uid
            if error.status in {_NOT_FOUND, _CONFLICT} and is_gone:
                # It is gone, or another has its name: the watch tells.
                return
            raise

    async def exactly(self, key: Key, raw: Mapping[str, Any], change: Json) -> Json:
        """Write a change of a status, unless the resource has changed meanwhile; return it as it is then."""
        return await self._change_status(key, raw, change, exact=True)

    async def finalizers(self, raw: Mapping[str, Any], finalizers: list[str]) -> Json:
        """Write the finalizers, unless the resource has changed meanwhile; return it as it is then."""
        metadata = raw["metadata"]
        key = Key(metadata.get("namespace", ""), metadata["name"])
        changed = {"finalizers": finalizers, "resourceVersion": metadata["resourceVersion"]}
        answer = await self._patch(key, {"metadata": changed})
        self._stage.caches.learn(self._cached, answer, metadata["uid"])
        return answer

    async def _change_status(self, key: Key, raw: Mapping[str, Any], change: Json, *, exact: bool) -> Json:
        metadata = raw["metadata"]
        what = {name: metadata[name] for name in ("uid", *(["resourceVersion"] if exact else []))}
        self.settling.add(key)
        try:
            answer = await self._patch(key, {"metadata": what, "status": change}, "status")
        finally:
            self.settling.discard(key)
        self._stage.caches.learn(self._cached, answer, metadata["uid"])
        return answer

    async def _patch(self, key: Key, body: Json, subresource: str = "") -> Json:
        if not self._stage.leads():
            raise NotLeading
        return await self._stage.api.request(
            "PATCH",
            self._kind.path(key.namespace, key.name, subresource),
            body,
            content_type=MERGE,
            params={"fieldManager": self._stage.operator.full_name},
        )
