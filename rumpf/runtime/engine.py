"""An operator at work: its caches, its controllers, its lease, and who is told how it goes."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any

from rumpf.api import Api, Connection
from rumpf.operator import Operator
from rumpf.runtime.caches import Cached, caches
from rumpf.runtime.controller import Controller
from rumpf.runtime.environment import Environment
from rumpf.runtime.events import Recorder
from rumpf.runtime.lease import Lease
from rumpf.runtime.metrics import Metrics
from rumpf.runtime.probes import Check, Probes, heard_within
from rumpf.runtime.reflector import Reflector
from rumpf.runtime.routes import Routes
from rumpf.runtime.stage import Stage
from rumpf.runtime.store import Entry, Key
from rumpf.runtime.tracing import configure as configure_tracing

_LOG = logging.getLogger("rumpf.engine")
_DEAF = 600.0
"""A watch that was not heard for so long is dead. Not much less: when the API server is away for some
minutes, a restart of every operator would be one more burden when it is back."""
_GRACE = 15.0
"""So long a reconcile that is under way may take to end when the process is to stop."""
_LAST_WORDS = 2.0
"""So long one that is cancelled may take."""


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
        self.metrics = Metrics(operator.full_name, declared=operator.metrics)
        self._tracing = configure_tracing(operator.full_name)
        self._api = Api(connection, agent=operator.full_name, observe=self._requested)
        self._caches = caches(self._api, operator, environment.namespaces, self._changed, environment.grants)
        self._recorder = Recorder(
            self._api,
            operator.full_name,
            environment.identity,
            noted=self.metrics.noted,
            # Not beside a reconcile: its next write is what somebody waits for.
            busy=lambda: any(each.queue.active or each.queue.busy for each in self._controllers),
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
        self._stage = Stage(
            self._api,
            operator,
            self._caches,
            self._recorder.note,
            self._leads,
            environment.settings,
            environment.grants,
            self.metrics.measured,
        )
        self._controllers = [
            Controller(each, self._stage, self.metrics, self._tracing) for each in operator.reconcilers
        ]
        self._routes = Routes(operator, self._controllers, self._caches)

    async def start(self) -> None:
        """Open the connections, and begin to watch; returns once the probes answer."""
        try:
            await self._closing.enter_async_context(self._api)
            await self._closing.enter_async_context(self._recorder)
            if self.environment.http is not None:
                await self._closing.enter_async_context(self._probes(self.environment.http))
        except BaseException:
            await self._closing.aclose()
            raise
        for reflector in self._caches.reflectors:
            self._begin(reflector.run(), str(reflector))
        self._begin(self._lead(), "leadership")

    async def stop(self) -> None:
        """Take no more work, finish what is under way, give the lease back, post the last Events."""
        for controller in self._controllers:
            controller.queue.close()
        if self._workers:
            await asyncio.wait(self._workers, timeout=_GRACE)
        await _end([*self._workers, *self._tasks])
        await self._stage.follows.close()
        await self._closing.aclose()
        # It may send the last spans, and waits for that.
        await asyncio.to_thread(self._tracing.close)

    def _requested(self, verb: str, code: int, seconds: float) -> None:
        self.metrics.requested(verb, code, seconds)
        self._tracing.requested(verb, code, seconds)

    def _probes(self, address: tuple[str, int]) -> Probes:
        """Alive while the watches are; ready once all was listed: a standby is, too."""
        loop, began = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        healthy: dict[str, Check] = {}
        ages: dict[tuple[str, str], list[Reflector]] = {}
        for each in self._caches.reflectors:
            ages.setdefault((each.kind.kind, each.namespace), []).append(each)

            def silent(each: Reflector = each) -> float:
                return loop.time() - max(each.tried, began)

            healthy[str(each)] = heard_within(_DEAF, silent)
        for (kind, namespace), watches in ages.items():

            def age(watches: Sequence[Reflector] = watches) -> float:
                return loop.time() - min(max(each.heard, began) for each in watches)

            self.metrics.show_watch(kind, namespace, age)
        probes = Probes(
            address, metrics=self.metrics, healthy=healthy, ready={"caches": self._caches.missing}
        )
        self.metrics.show_lag(lambda: probes.heartbeat.lag)
        self.metrics.show_leader(self._leads)
        for kind in {what.kind.kind for what in self._caches.stores}:

            def count(kind: str = kind) -> int:
                return sum(
                    len(store) for what, store in self._caches.stores.items() if what.kind.kind == kind
                )

            self.metrics.show_objects(kind, count)
        for controller in self._controllers:
            self._show_queue(controller)
        return probes

    def _show_queue(self, controller: Controller) -> None:
        queue = controller.queue
        # A standby's queue fills up, and is nobody's trouble.
        self.metrics.show_queue(
            controller.kind.kind,
            depth=lambda: queue.depth if self._leads() else 0,
            active=lambda: queue.active,
        )

    async def _lead(self) -> None:
        """Work while this replica leads; stand by otherwise, with everything listed and watched."""
        await self._caches.wait()
        count, without = sum(map(len, self._caches.stores.values())), self._caches.without
        if without:
            _LOG.error("all that may be is listed: %d objects; not %s", count, ", ".join(without))
        else:
            _LOG.info("everything is listed: %d objects", count)
        if self._lease is None:
            await self._work()
            return
        # Not before: one that cannot work yet would keep others from it.
        await self._closing.enter_async_context(self._lease)
        while True:
            await self._lease.acquired()
            _LOG.info("leading as %s", self.environment.identity)
            working = asyncio.create_task(self._work())
            losing = asyncio.create_task(self._lease.lost())
            try:
                await asyncio.wait({working, losing}, return_when=asyncio.FIRST_COMPLETED)
                if working.done():
                    # It stops, or cannot go on: then somebody else is to lead.
                    await working
                    return
            finally:
                for task in (working, losing):
                    task.cancel()
                await asyncio.gather(working, losing, return_exceptions=True)
            _LOG.warning("no longer leading")

    async def _work(self) -> None:
        # Whoever led meanwhile knew nothing of them.
        self._stage.places.clear()
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
            await _end(self._workers)

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

    def _changed(self, what: Cached, key: Key, before: Entry | None, now: Entry | None, by: str) -> None:
        if before is not None and (now is None or now.uid != before.uid):
            self._stage.forget(before.uid)
        self._routes.tell(what, key, before, now, by)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks, and wait a moment for them: one that does not want to end is not waited for."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_LAST_WORDS)
