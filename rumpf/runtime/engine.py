"""An operator at work: its caches, its controllers, its lease, and who is told how it goes."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from rumpf.api import Api, Connection
from rumpf.operator import Index, Operator, Reconciler, Watch
from rumpf.resource import Resource
from rumpf.runtime.caches import Cached, caches, owned
from rumpf.runtime.controller import Controller
from rumpf.runtime.environment import Environment
from rumpf.runtime.events import Recorder
from rumpf.runtime.lease import Lease
from rumpf.runtime.metrics import Metrics
from rumpf.runtime.probes import Check, Probes, heard_within
from rumpf.runtime.queue import Urgency
from rumpf.runtime.reflector import Reflector
from rumpf.runtime.scene import Stage
from rumpf.runtime.store import Entry, Key, Store
from rumpf.world import EventType

_LOG = logging.getLogger("rumpf.engine")
_DEAF = 180.0
"""A watch that was not heard for so long is dead: the API server says something every minute."""
_GRACE = 15.0
"""So long a reconcile that is under way may take to end when the process is to stop."""


class Engine:
    """Started and stopped by its host. Standby until it leads; reads always, writes only while it leads."""

    def __init__(
        self,
        operator: Operator,
        connection: Connection,
        environment: Environment,
        *,
        broken: Callable[[BaseException], None],
    ) -> None:
        self.operator = operator
        self.environment = environment
        self._connection = connection
        self._broken = broken
        self._closing = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._workers: list[asyncio.Task[None]] = []
        self.metrics = Metrics(operator.full_name)
        self._api = Api(connection, agent=operator.full_name, observe=self.metrics.requested)
        self._caches = caches(self._api, operator, environment.namespaces, self._changed)
        self._recorder = Recorder(
            self._api,
            operator.full_name,
            environment.identity,
            noted=self.metrics.noted,
            busy=lambda: any(controller.queue.busy for controller in self._controllers),
        )
        self._lease = (
            Lease(
                self._api,
                namespace=environment.home,
                name=operator.full_name,
                identity=environment.identity,
            )
            if environment.elects
            else None
        )
        self._stage = Stage(self._api, operator, self._caches, self._note, self._leads, environment.settings)
        self._controllers = [Controller(each, self._stage, self.metrics) for each in operator.reconcilers]
        self._routes = self._make_routes()

    async def start(self) -> None:
        """Open the connections, and begin to watch; returns once the probes answer."""
        await self._closing.enter_async_context(self._api)
        await self._closing.enter_async_context(self._recorder)
        if self.environment.http is not None:
            await self._closing.enter_async_context(self._probes(self.environment.http))
        if self._lease is not None:
            await self._closing.enter_async_context(self._lease)
        for reflector in self._caches.reflectors:
            self._begin(reflector.run(), f"watch of {reflector.kind}")
        self._begin(self._lead(), "leadership")

    async def stop(self) -> None:
        """Take no more work, finish what is under way, give the lease back, post the last Events."""
        for controller in self._controllers:
            controller.queue.close()
        if self._workers:
            _, late = await asyncio.wait(self._workers, timeout=_GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._closing.aclose()

    def _probes(self, address: tuple[str, int]) -> Probes:
        """Alive while the watches are; ready once all was listed: a standby is, too."""
        loop, began = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        healthy: dict[str, Check] = {}
        for each in self._caches.reflectors:
            place = f" in {each.namespace}" if each.namespace else ""

            def age(each: Reflector = each) -> float:
                return loop.time() - max(each.heard, began)

            healthy[f"watch of {each.kind}{place}"] = heard_within(_DEAF, age)
            self.metrics.show_watch(each.kind.kind, each.namespace, age)
        probes = Probes(
            address, metrics=self.metrics, healthy=healthy, ready={"caches": self._caches.missing}
        )
        self.metrics.show_lag(lambda: probes.heartbeat.lag)
        self.metrics.show_leader(self._leads)
        for what, store in self._caches.stores.items():
            self.metrics.show_objects(what.kind.kind, store.__len__)
        for controller in self._controllers:
            self._show_queue(controller)
        return probes

    def _show_queue(self, controller: Controller) -> None:
        queue = controller.queue
        self.metrics.show_queue(controller.kind.kind, depth=lambda: queue.depth, active=lambda: queue.active)

    async def _lead(self) -> None:
        """Work while this replica leads; stand by otherwise, with everything listed and watched."""
        await self._caches.wait()
        _LOG.info("everything is listed: %d objects", sum(map(len, self._caches.stores.values())))
        if self._lease is None:
            await self._work()
        while self._lease is not None:
            await self._lease.acquired()
            _LOG.info("leading as %s", self.environment.identity)
            working = asyncio.create_task(self._work())
            losing = asyncio.create_task(self._lease.lost())
            await asyncio.wait({working, losing}, return_when=asyncio.FIRST_COMPLETED)
            _LOG.warning("no longer leading")
            for task in (working, losing):
                task.cancel()
            await asyncio.gather(working, losing, return_exceptions=True)

    async def _work(self) -> None:
        for controller in self._controllers:
            controller.look_at_all()
        self._workers = [
            asyncio.create_task(controller.work(), name=f"worker {number} of {controller.kind}")
            for controller in self._controllers
            for number in range(controller.reconciler.workers)
        ]
        try:
            await asyncio.gather(*self._workers)
        finally:
            for worker in self._workers:
                worker.cancel()

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()):
                _LOG.critical("%s ended", name, exc_info=error)
                self._broken(error)

        task = asyncio.create_task(work, name=name)
        task.add_done_callback(ended)
        self._tasks.append(task)

    def _leads(self) -> bool:
        return self._lease is None or self._lease.leading

    def _note(self, resource: Resource, event_type: EventType, reason: str, message: str) -> None:
        self._recorder.note(resource.names.kind, resource.metadata, event_type, reason, message)

    def _changed(self, what: Cached, key: Key, before: Entry | None, now: Entry | None) -> None:
        if now is None and before is not None:
            self._stage.as_asked.pop(before.uid, None)
        for route in self._routes[what]:
            route(key, before, now)

    def _make_routes(self) -> dict[Cached, list[Callable[[Key, Entry | None, Entry | None], None]]]:
        routes: dict[Cached, list[Callable[[Key, Entry | None, Entry | None], None]]] = {
            what: [] for what in self._caches.stores
        }
        for controller in self._controllers:
            reconciler = controller.reconciler
            routes[Cached(reconciler.kind)].append(controller.seen)
            for view in reconciler.owns:
                routes[owned(self.operator, view.kind)].append(_to_owners(controller))
            resources = _Resources(reconciler, self._caches.stores[Cached(reconciler.kind)])
            for watch in reconciler.watches:
                what = Cached(watch.view.kind, watch.labels, watch.metadata_only)
                routes[what].append(_to_concerned(controller, watch, resources))
        return routes


def _to_owners(controller: Controller) -> Callable[[Key, Entry | None, Entry | None], None]:
    def route(_: Key, before: Entry | None, now: Entry | None) -> None:
        for entry in (before, now):
            for owner in entry.owners if entry else ():
                controller.concerned(owner)

    return route


def _to_concerned(
    controller: Controller, watch: Watch, resources: Index
) -> Callable[[Key, Entry | None, Entry | None], None]:
    def route(_: Key, before: Entry | None, now: Entry | None) -> None:
        for entry in (before, now):
            if entry is not None:
                for namespace, name in watch.concerns(watch.view.of(entry.load()), resources):
                    controller.queue.add(Key(namespace, name), Urgency.CHANGED)

    return route


class _Resources(Index):
    """The resources of one kind, for whoever must tell whom a change concerns."""

    def __init__(self, reconciler: Reconciler[Any], store: Store) -> None:
        self._resource = reconciler.resource
        self._store = store

    def resources(self, namespace: str) -> list[Any]:
        """Return the resources of a namespace, parsed."""
        entries = (self._store.get(key) for key in self._store if key.namespace == namespace)
        return [self._resource.model_validate(entry.load()) for entry in entries if entry]
