"""Reconciles the resources of one kind: takes a name, looks, lets the operator decide, settles."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic import ValidationError

from rumpf.api.client import MERGE
from rumpf.errors import ApiError
from rumpf.operator import Reconciler
from rumpf.resource import Resource
from rumpf.runtime.caches import Cached
from rumpf.runtime.logs import about
from rumpf.runtime.pauses import Pauses
from rumpf.runtime.queue import Queue, Urgency
from rumpf.runtime.scene import NotLeading, Scene, Stage
from rumpf.runtime.settle import difference, is_ready, settled, wire, with_ready
from rumpf.runtime.store import Entry, Key
from rumpf.world import NotOurs, Refused, Waiting

_LOG = logging.getLogger("rumpf.reconcile")
_CALM = 1.0
"""So long the news that something is under way may wait: mostly it is over by then."""
_SHORTEST, _LONGEST = 0.2, 300.0
_TELLS_AFTER = 3
"""So many failures in a row, and the status says so."""
_NAME_TAKEN_AGAIN = 30.0
_NOT_FOUND, _CONFLICT, _BUSY = 404, 409, 429


class Gauge(Protocol):
    """What a controller tells of its work."""

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        """Say that a reconcile ended."""
        ...

    def retried(self, kind: str) -> None:
        """Say that it will be tried again."""
        ...


@dataclass
class Memory:
    """What is remembered of one resource from look to look; losing it costs nothing but a little calm."""

    pauses: Pauses = field(default_factory=lambda: Pauses(_SHORTEST, _LONGEST))
    stand_ins: set[str] = field(default_factory=set)
    unsettled_since: float | None = None


class Controller:
    """The queue of one kind, and the workers that empty it."""

    def __init__(self, reconciler: Reconciler[Any], stage: Stage, gauge: Gauge) -> None:
        self.reconciler = reconciler
        self.kind = reconciler.kind
        self.queue: Queue[Key] = Queue()
        self._stage = stage
        self._gauge = gauge
        self._store = stage.caches.stores[Cached(reconciler.kind)]
        self._memories: dict[Key, Memory] = {}
        self._settling: set[Key] = set()
        """Whose status is being written: the watch may tell of it before the answer does."""

    def seen(self, key: Key, before: Entry | None, now: Entry | None) -> None:
        """Take note that a resource changed; what it only says of itself (its status) is our own doing."""
        if now is None:
            self._memories.pop(key, None)
            self.queue.forget(key)
        elif before is None or before.uid != now.uid:
            self.queue.add(key, Urgency.ASKED if now.pending else Urgency.LOOK)
        elif before.fingerprint != now.fingerprint:
            self.queue.add(key, Urgency.ASKED)
        elif key not in self._settling:
            # Its status, and not by us.
            self.queue.add(key, Urgency.CHANGED)

    def concerned(self, uid: str) -> None:
        """Take note that something changed that the resource with this uid owns."""
        if key := self._store.by_uid(uid):
            self.queue.add(key)

    def look_at_all(self) -> None:
        """Look at every resource, those first whose status is behind."""
        for key in self._store:
            entry = self._store.get(key)
            self.queue.add(key, Urgency.ASKED if entry and entry.pending else Urgency.LOOK)

    async def work(self) -> None:
        """Be one worker, until the queue is closed."""
        while (key := await self.queue.take()) is not None:
            try:
                await self._one(key)
            finally:
                self.queue.done(key)

    async def _one(self, key: Key) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        memory = self._memories.setdefault(key, Memory())
        entry = self._store.get(key)
        with about(self.kind.kind, key.namespace, key.name, entry.uid if entry else ""):
            result = await self._guarded(key, memory)
        self._gauge.reconciled(self.kind.kind, result, loop.time() - begun)

    async def _guarded(self, key: Key, memory: Memory) -> str:
        """Reconcile, and see to what fails: it is tried again, and nothing else is disturbed."""
        try:
            return await self._reconcile(key, memory)
        except NotLeading:
            return "superseded"
        except ApiError as error:
            self._failed(key, memory, error, error.retry_after)
            await self._tell(key, memory, "ApiError", str(error.what))
        except Exception as error:  # noqa: BLE001 - one bad resource must not stop the others
            self._failed(key, memory, error)
            await self._tell(key, memory, "ReconcileFailed", f"{type(error).__name__}: {error}")
        return "failed"

    async def _reconcile(self, key: Key, memory: Memory) -> str:
        entry = self._store.get(key)
        if entry is None:
            self._memories.pop(key, None)
            return "gone"
        raw = entry.load()
        try:
            resource = self.reconciler.resource.model_validate(raw)
        except ValidationError as error:
            first = error.errors()[0]
            why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            await self._settle(
                key, raw, with_ready(raw.get("status") or {}, entry.generation, "False", "Invalid", why)
            )
            return "invalid"
        if resource.deleting:
            return await self._finalize(resource, raw, memory)
        if self.reconciler.finalizer and self.reconciler.finalizer not in resource.metadata.finalizers:
            raw = await self._patch_finalizers(
                raw, [*resource.metadata.finalizers, self.reconciler.finalizer]
            )
            resource = self.reconciler.resource.model_validate(raw)
        scene = Scene(self._stage, resource, memory.stand_ins)
        result = await self._decide(key, resource, raw, scene, memory)
        if scene.look_again is not None:
            self.queue.add_later(key, scene.look_again)
        elif self.reconciler.resync:
            self.queue.add_later(key, self.reconciler.resync)
        return result

    async def _decide(
        self, key: Key, resource: Resource, raw: dict[str, Any], scene: Scene, memory: Memory
    ) -> str:
        """Let the operator decide, and write down what came of it."""
        observed = raw.get("status") or {}
        generation = resource.metadata.generation
        try:
            returned = await self.reconciler(resource, scene)
        except Waiting as waiting:
            scene.again(waiting.again)
            said = with_ready(observed, generation, "False", waiting.reason, waiting.message)
            said["observedGeneration"] = observed.get("observedGeneration", 0)
            await self._settle_when_calm(key, raw, said, memory)
            memory.pauses.reset()
            return "waiting"
        except Refused as refused:
            if isinstance(refused, NotOurs):
                scene.again(_NAME_TAKEN_AGAIN)
            scene.event(refused.reason, refused.message, type="Warning")
            await self._settle(
                key, raw, with_ready(observed, generation, "False", refused.reason, refused.message)
            )
            return "refused"
        memory.pauses.reset()
        if returned is not None:
            await self._settle_when_calm(key, raw, wire(returned), memory)
        return "done"

    async def _settle_when_calm(
        self, key: Key, raw: dict[str, Any], status: Mapping[str, Any], memory: Memory
    ) -> None:
        """Write a status; one that tells of something under way waits a moment while there is other work.

        In a burst most of these would be out of date before they are read, and each costs a request.
        """
        now = asyncio.get_running_loop().time()
        waits = not is_ready(status) and (self.queue.busy or _under_way(status))
        if waits:
            memory.unsettled_since = memory.unsettled_since or now
            if now < memory.unsettled_since + _CALM:
                self.queue.add_later(key, memory.unsettled_since + _CALM - now)
                return
        memory.unsettled_since = None
        await self._settle(key, raw, status)

    async def _settle(self, key: Key, raw: dict[str, Any], status: Mapping[str, Any]) -> None:
        """Write a status, if it differs from what is there."""
        observed = raw.get("status") or {}
        metadata = raw["metadata"]
        generation = status.get("observedGeneration", metadata.get("generation", 0))
        patch = difference(settled(status, observed, generation, datetime.now(UTC)), observed)
        if not patch:
            return
        if not self._stage.leads():
            raise NotLeading
        self._settling.add(key)
        try:
            answer = await self._stage.api.request(
                "PATCH",
                self.kind.path(key.namespace, key.name, "status"),
                {"metadata": {"uid": metadata["uid"]}, "status": patch},
                content_type=MERGE,
                params={"fieldManager": self._stage.operator.full_name},
            )
        except ApiError as error:
            if error.status not in {_NOT_FOUND, _CONFLICT}:
                raise
            # It is gone, or another has its name: the watch tells.
            return
        finally:
            self._settling.discard(key)
        self._store.put(answer)

    async def _finalize(self, resource: Resource, raw: dict[str, Any], memory: Memory) -> str:
        finalizers = resource.metadata.finalizers
        if not self.reconciler.finalizer or self.reconciler.finalizer not in finalizers:
            return "deleted"
        if self.reconciler.finalize is not None:
            scene = Scene(self._stage, resource, memory.stand_ins)
            key = Key(resource.namespace, resource.name)
            try:
                await self.reconciler.finalize(resource, scene)
            except Waiting as waiting:
                self.queue.add_later(key, waiting.again)
                return "waiting"
        await self._patch_finalizers(raw, [each for each in finalizers if each != self.reconciler.finalizer])
        return "deleted"

    async def _patch_finalizers(self, raw: Mapping[str, Any], finalizers: list[str]) -> dict[str, Any]:
        if not self._stage.leads():
            raise NotLeading
        metadata = raw["metadata"]
        changed = {"finalizers": finalizers, "resourceVersion": metadata["resourceVersion"]}
        answer = await self._stage.api.request(
            "PATCH",
            self.kind.path(metadata.get("namespace"), metadata["name"]),
            {"metadata": changed},
            content_type=MERGE,
            params={"fieldManager": self._stage.operator.full_name},
        )
        self._store.put(answer)
        return answer

    def _failed(self, key: Key, memory: Memory, error: Exception, asked_for: float | None = None) -> None:
        pause = memory.pauses.next(asked_for)
        self._gauge.retried(self.kind.kind)
        self.queue.add_later(key, pause)
        if isinstance(error, ApiError):
            # A conflict or a busy server is everyday life.
            level = logging.INFO if error.status in {_CONFLICT, _BUSY} else logging.WARNING
            _LOG.log(level, "%s; again in %.1f s", error.what, pause)
        else:
            _LOG.error("it failed; again in %.1f s", pause, exc_info=error)

    async def _tell(self, key: Key, memory: Memory, reason: str, message: str) -> None:
        """Let the status say that it keeps failing."""
        entry = self._store.get(key)
        if memory.pauses.tries < _TELLS_AFTER or entry is None:
            return
        raw = entry.load()
        said = with_ready(raw.get("status") or {}, entry.generation, "False", reason, message)
        try:
            await self._settle(key, raw, said)
        except (ApiError, NotLeading):
            _LOG.debug("the status could not be written either", exc_info=True)


def _under_way(status: Mapping[str, Any]) -> bool:
    """Whether a status speaks of what is being replaced: over in a moment, mostly."""
    return any(
        each["type"] == "Ready" and each["reason"] == "Replacing" for each in status.get("conditions") or ()
    )
