"""Reconciles the resources of one kind: takes a name, looks, lets the operator decide, settles."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any, Protocol

from pydantic import ValidationError

from rumpf.conditions import Status
from rumpf.errors import ApiError
from rumpf.operator import Reconciler
from rumpf.resource import ObjectMeta, Resource
from rumpf.rights import is_missing
from rumpf.runtime.caches import Cached, Unseen, owned, watched
from rumpf.runtime.logs import about
from rumpf.runtime.look import Look, Memory
from rumpf.runtime.own import Own
from rumpf.runtime.queue import Queue, Urgency
from rumpf.runtime.scene import Scene
from rumpf.runtime.settle import Unsettled, is_behind, is_ready, wire, with_ready
from rumpf.runtime.stage import Gone, NotLeading, Stage
from rumpf.runtime.store import Entry, Key
from rumpf.runtime.tracing import Off, Tracing
from rumpf.runtime.writer import Writer
from rumpf.world import NotOurs, Refused, Waiting

OFF = Off()
_LOG = logging.getLogger("rumpf.reconcile")
_GLANCE = 1.0
"""So often it is looked whether a status that is kept back may be written."""
_TELLS_AFTER = 3
"""So many failures in a row, and the status says so."""
_NOW_AND_THEN = 30.0
"""So often it is looked whether what stands in the way, and is not watched, has gone."""
_FORBIDDEN, _CONFLICT, _BUSY = 403, 409, 429


class Gauge(Protocol):
    """What a controller tells of its work."""

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        """Say that a reconcile ended."""
        ...

    def retried(self, kind: str) -> None:
        """Say that it will be tried again."""
        ...


class Controller:
    """The queue of one kind, and the workers that empty it."""

    def __init__(
        self, reconciler: Reconciler[Any], stage: Stage, gauge: Gauge, tracing: Tracing = OFF
    ) -> None:
        self.reconciler = reconciler
        self.kind = reconciler.kind
        self.queue: Queue[Key] = Queue()
        self._stage = stage
        self._gauge = gauge
        self._tracing = tracing
        self.store = stage.caches.stores[Cached(reconciler.kind)]
        has_status = reconciler.resource.status_type() is not None
        self._writer = Writer(
            Cached(reconciler.kind), stage, exact=reconciler.remembers, has_status=has_status
        )
        self._memories: dict[Key, Memory] = {}
        owns = [owned(stage.operator, view.kind) for view in reconciler.owns]
        watches = [watched(watch) for watch in reconciler.watches if watch.grant is None]
        self._needed = frozenset((Cached(reconciler.kind), *owns, *watches))
        """What has to be seen before anything can be told of a resource."""
        self._unseen: set[Key] = set()
        """Whose look has ended because something could not be seen."""

    def seen(self, key: Key, before: Entry | None, now: Entry | None, by: str = "") -> None:
        """Take note that a resource changed; what it only says of itself (its status) is our own doing."""
        if now is None:
            self._memories.pop(key, None)
            self._unseen.discard(key)
            self.queue.forget(key)
        elif before is None or before.uid != now.uid:
            # What is remembered is of another that had the name.
            self._memories.pop(key, None)
            self.queue.add(key, Urgency.ASKED if now.pending else Urgency.LOOK)
        elif before.fingerprint != now.fingerprint:
            self.queue.add(key, Urgency.ASKED)
        elif by != now.uid and key not in self._writer.settling:
            # Its status, and not by us.
            self.queue.add(key, Urgency.CHANGED)

    def concerned(self, uid: str) -> None:
        """Take note that something changed that the resource with this uid owns."""
        if key := self.store.by_uid(uid):
            self.queue.add(key)

    def look_at_all(self) -> None:
        """Look at every resource, those first whose status is behind, with nothing remembered of any."""
        self._memories.clear()
        self._unseen.clear()
        for key in self.store:
            entry = self.store.get(key)
            self.queue.add(key, Urgency.ASKED if entry and entry.pending else Urgency.LOOK)

    def look_again(self, *, everything: bool = False) -> None:
        """Look at the resources of which not all could be seen that they need; or at every one."""
        for key in self.store if everything else list(self._unseen):
            self.queue.add(key, Urgency.LOOK)

    async def work(self) -> None:
        """Be one worker, until the queue is closed."""
        while (key := await self.queue.take()) is not None:
            try:
                await self._one(key)
            finally:
                self.queue.done(key)
            # Where nothing is to be written nothing is waited for: five thousand such looks in a row would
            # keep everybody else waiting, the one that has something to do among them.
            await asyncio.sleep(0)

    async def _one(self, key: Key) -> None:
        begun = monotonic()
        memory = self._memories.setdefault(key, Memory())
        entry = self.store.get(key)
        kind, uid = self.kind.kind, entry.uid if entry else ""
        with about(kind, *key, uid), self._tracing.reconcile(kind, *key):
            result = await self._guarded(key, memory)
        self._stage.looked(uid, result, memory.pauses.last, there=self.store.by_uid(uid) is not None)
        self._gauge.reconciled(kind, result, monotonic() - begun)

    async def _guarded(self, key: Key, memory: Memory) -> str:
        """Reconcile, and see to what fails: it is tried again, and nothing else is disturbed."""
        self._unseen.discard(key)
        try:
            return await self._reconcile(key, memory)
        except NotLeading:
            return "superseded"
        except Gone:
            return "gone"
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Something that it waited for was cancelled, not this worker.
            self._failed(key, memory, error)
            await self._tell(key, memory, "ReconcileFailed", "what it waited for was cancelled")
        except Unseen as error:
            memory.pauses.reset()
            self._unseen.add(key)
            if not await self._say(key, "Forbidden", error.what):
                self.queue.add_later(key, _NOW_AND_THEN)
            return "forbidden"
        except ApiError as error:
            self._failed(key, memory, error, error.retry_after)
            await self._tell(key, memory, "Forbidden" if is_missing(error) else "ApiError", error.what)
        except Exception as error:  # noqa: BLE001 - one bad resource must not stop the others
            self._failed(key, memory, error)
            await self._tell(key, memory, "ReconcileFailed", f"{type(error).__name__}: {error}")
        return "failed"

    async def _reconcile(self, key: Key, memory: Memory) -> str:
        entry = self.store.get(key)
        if entry is None:
            self._memories.pop(key, None)
            return "gone"
        raw = entry.load()
        try:
            resource = self._read(raw)
        except ValidationError as error:
            return await self._invalid(key, raw, error)
        if resource.deleting:
            return await self._finalize(key, resource, raw, memory)
        self._stage.caches.check(self._needed, key.namespace)
        ours = self.reconciler.finalizer
        if ours and ours not in resource.metadata.finalizers:
            raw = await self._writer.finalizers(raw, [*resource.metadata.finalizers, ours])
            resource = self._read(raw)
        look = self._look(key, resource, raw, memory)
        scene = look.scene
        result, returned = await self._act(self.reconciler, look)
        if returned is not None:
            await self._settle_when_calm(look, wire(returned), resource.metadata.generation)
        if scene.look_again is not None:
            self.queue.add_later(key, scene.look_again)
        elif self.reconciler.resync:
            self.queue.add_later(key, self.reconciler.resync)
        return result

    def _look(self, key: Key, resource: Resource, raw: dict[str, Any], memory: Memory) -> Look:
        uid = resource.metadata.uid
        own = Own(
            key,
            raw,
            memory.notes,
            self._writer,
            wake=lambda: self.queue.add(key),
            there=lambda: self.store.by_uid(uid) is not None,
        )
        return Look(key, resource, own, Scene(self._stage, resource, memory.stand_ins, own), memory)

    def _read(self, raw: dict[str, Any]) -> Resource:
        """Return the resource. A status that makes no sense (any more) is none: it is ours to write."""
        read: Callable[[Any], Resource] = self.reconciler.resource.model_validate
        try:
            return read(raw)
        except ValidationError as error:
            if any(each["loc"][:1] != ("status",) for each in error.errors(include_url=False)):
                raise
            return read({key: value for key, value in raw.items() if key != "status"})

    async def _invalid(self, key: Key, raw: dict[str, Any], error: ValidationError) -> str:
        """Say so. One that is being deleted is let go: it could not be finalized ever."""
        first = error.errors(include_url=False)[0]
        path = ".".join(map(str, first["loc"]))
        why = f"{path}: {first['msg']}" if path else first["msg"]
        metadata = raw["metadata"]
        if "deletionTimestamp" not in metadata:
            generation = metadata.get("generation", 0)
            said = with_ready(raw.get("status") or {}, generation, "False", "Invalid", why)
            await self._writer.settle(key, raw, said, generation)
        elif self.reconciler.finalizer in metadata.get("finalizers", ()):
            told = ObjectMeta.model_validate(metadata)
            text = f"it is invalid ({why}) and is let go: what lies outside of the cluster was not cleaned up"
            self._stage.note(self.kind, told, "Warning", "NotFinalized", text)
            _LOG.warning("%s", text)
            left = [each for each in metadata["finalizers"] if each != self.reconciler.finalizer]
            await self._writer.finalizers(raw, left)
        return "invalid"

    async def _act(
        self, function: Callable[[Any, Scene], Awaitable[Status | None]], look: Look
    ) -> tuple[str, Status | None]:
        """Let the operator do its part; write down what it waits for, or refuses."""
        observed = look.raw.get("status") or {}
        generation = look.resource.metadata.generation
        pauses, scene = look.memory.pauses, look.scene
        try:
            returned = await function(look.resource, scene)
        except Waiting as waiting:
            scene.again(waiting.again)
            said = with_ready(observed, generation, "False", waiting.reason, waiting.message)
            # It is not about this generation yet.
            await self._settle_when_calm(look, said, observed.get("observedGeneration", 0))
            pauses.reset()
            return "waiting", None
        except Refused as refused:
            if isinstance(refused, NotOurs) or look.resource.deleting:
                scene.again(_NOW_AND_THEN)
            scene.event(refused.reason, refused.message, type="Warning")
            said = with_ready(observed, generation, "False", refused.reason, refused.message)
            await self._writer.settle(look.key, look.raw, said, generation)
            pauses.reset()
            return "refused", None
        pauses.reset()
        return "done", returned

    async def _settle_when_calm(self, look: Look, status: Mapping[str, Any], generation: int) -> None:
        """Write a status; one that tells of something under way is kept back where it will be over soon.

        In a burst most of these would be out of date before they are read, and each costs a request.
        """
        key, memory, busy = look.key, look.memory, self.queue.busy
        change = self._writer.change(look.raw, status, generation)
        observed = look.raw.get("status") or {}
        newest = look.resource.metadata.generation
        # One that was Ready before its spec was changed will be so again.
        changing = is_ready(observed) and is_behind(observed, newest)
        if change and not is_ready(status):
            now = asyncio.get_running_loop().time()
            memory.unsettled = kept = Unsettled.next(memory.unsettled, status, now)
            left = kept.until(observed, newest, busy=busy) - now
            if left > 0 and (busy or changing or kept.replacing):
                self.queue.add_later(key, min(_GLANCE, left))
                return
        memory.unsettled = None
        await self._writer.status(key, look.raw, change)

    async def _finalize(self, key: Key, resource: Resource, raw: dict[str, Any], memory: Memory) -> str:
        ours, finalize = self.reconciler.finalizer, self.reconciler.finalize
        if finalize is None or ours not in resource.metadata.finalizers:
            return "deleted"
        self._stage.caches.check(self._needed, key.namespace)
        look = self._look(key, resource, raw, memory)
        scene = look.scene
        result, _ = await self._act(finalize, look)
        if result != "done":
            if scene.look_again is not None:
                self.queue.add_later(key, scene.look_again)
            return result
        entry = self.store.get(key)
        if entry is not None and entry.uid == resource.metadata.uid:
            # As it is now: it may have changed while that went on.
            newest = entry.load()
            left = [each for each in newest["metadata"].get("finalizers") or () if each != ours]
            await self._writer.finalizers(newest, left)
        return "deleted"

    def _failed(self, key: Key, memory: Memory, error: BaseException, asked_for: float | None = None) -> None:
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
        if memory.pauses.tries >= _TELLS_AFTER:
            await self._say(key, reason, message)

    async def _say(self, key: Key, reason: str, message: str) -> bool:
        """Let the status say why nothing is done; return False if it could not be written for now."""
        entry = self.store.get(key)
        if entry is None:
            return True
        raw = entry.load()
        said = with_ready(raw.get("status") or {}, entry.generation, "False", reason, message)
        try:
            await self._writer.settle(key, raw, said, entry.generation)
        except Exception as error:  # noqa: BLE001 - it fails already
            _LOG.debug("the status could not be written either", exc_info=True)
            return isinstance(error, ApiError) and error.status == _FORBIDDEN
        return True
