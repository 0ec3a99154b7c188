"""An operator at work on a cluster in memory: put together as its process does, but for Lease and probes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field, field_validator

from rumpf import ConfigMap, Model, Operator, Pod, Resource, Status, World, reconciler
from rumpf.kinds import Kind
from rumpf.resource import ObjectMeta
from rumpf.rights import NOTHING_SAID
from rumpf.runtime.caches import Cached, Caches, caches
from rumpf.runtime.controller import Controller
from rumpf.runtime.measured import Measured
from rumpf.runtime.routes import Routes
from rumpf.runtime.stage import Stage
from rumpf.runtime.store import Entry, Key
from tests.unit.runtime.cluster import Cluster, Json, Wire


class GadgetSpec(Model):
    """What is wanted."""

    text: str = "text"
    size: Annotated[int, Field(ge=0)] = 1

    @field_validator("text")
    @classmethod
    def _is_polite(cls, text: str) -> str:
        if text == "damn":
            raise ValueError("mind your language")
        return text


class GadgetStatus(Status):
    """What became of it."""

    phase: str | None = None
    parts: dict[str, int] = Field(default_factory=dict)


class Gadget(Resource, group="test.dev", version="v1", plural="gadgets"):
    """Something."""

    spec: GadgetSpec
    status: GadgetStatus = GadgetStatus()


GADGET = Gadget.names.kind
CONFIG_MAP, POD = ConfigMap.kind, Pod.kind

if TYPE_CHECKING:
    from rumpf.api import Api

Function = Callable[[Gadget, World], Coroutine[Any, Any, GadgetStatus | None]]


@reconciler(Gadget)
async def mirror_nothing(_: Gadget, __: World) -> None:
    """Do nothing."""


def operator_of(function: Function, **options: Any) -> Operator:  # noqa: ANN401 - those of `reconciler`
    """Return an operator whose reconcile is this function."""
    options = {"owns": [ConfigMap, Pod], "workers": 2, **options}
    return Operator("test", reconciler(Gadget, **options)(function), description="A test.")


class Operating:
    """The operator, and what it has told."""

    def __init__(
        self,
        operator: Operator,
        wire: Wire,
        namespaces: Sequence[str],
        grants: Mapping[str, Sequence[str]] = NOTHING_SAID,
    ) -> None:
        self.wire = wire
        self.cluster = wire.cluster
        self.leads = True
        self.events: list[tuple[str, str]] = []
        """Names of objects, and reasons."""
        self.results: list[str] = []
        self.retries = 0
        self.caches: Caches = caches(cast("Api", wire), operator, namespaces, self._changed, grants)
        self.stage = Stage(
            cast("Api", wire),
            operator,
            self.caches,
            self._note,
            lambda: self.leads,
            {"SETTING": "value"},
            grants,
            Measured(operator.metrics),
        )
        self.controllers = [Controller(each, self.stage, self) for each in operator.reconcilers]
        self.controller = self.controllers[0]
        self._routes = Routes(operator, self.controllers, self.caches)
        self._workers: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Put all workers to work."""
        self.leads = True
        self.stage.places.clear()
        for controller in self.controllers:
            controller.look_at_all()
            count = controller.reconciler.workers
            self._workers += [asyncio.create_task(controller.work()) for _ in range(count)]

    async def end(self) -> None:
        """Stop all work at once, as when another leads."""
        self.leads = False
        for worker in self._workers:
            worker.cancel()
        found = await asyncio.gather(*self._workers, return_exceptions=True)
        self._workers.clear()
        for error in found:
            assert error is None or isinstance(error, asyncio.CancelledError), error

    def gadget(self, name: str = "one", namespace: str = "ns") -> Json:
        """Return a Gadget."""
        found = self.cluster.get(GADGET, name, namespace)
        assert found is not None, name
        return found

    def ready(self, name: str = "one") -> Json:
        """Return a Gadget's condition; empty if it has none."""
        conditions = self.gadget(name).get("status", {}).get("conditions", ())
        return next((each for each in conditions if each["type"] == "Ready"), {})

    def writes(self) -> list[str]:
        """Return the verbs of all writes so far, and forget them."""
        found = [each.verb for each in self.cluster.asked if each.verb != "GET"]
        self.cluster.asked.clear()
        return found

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        self.results.append(result)

    def retried(self, kind: str) -> None:
        self.retries += 1

    def _note(self, kind: Kind, metadata: ObjectMeta, event_type: str, reason: str, message: str) -> None:
        self.events.append((metadata.name, reason))

    def _changed(self, what: Cached, key: Key, before: Entry | None, now: Entry | None, by: str) -> None:
        if before is not None and (now is None or now.uid != before.uid):
            self.stage.forget(before.uid)
        self._routes.tell(what, key, before, now, by)


@asynccontextmanager
async def operating(
    what: Operator | Function,
    cluster: Cluster,
    *,
    namespaces: Sequence[str] = (),
    grants: Mapping[str, Sequence[str]] = NOTHING_SAID,
    refuses: Callable[[str, str], Exception | None] = lambda _, __: None,
    **options: Any,  # noqa: ANN401 - those of `reconciler`
) -> AsyncIterator[Operating]:
    """Run an operator until the block ends. `options` are those of the reconciler, for a bare function.

    `refuses` is as of its `Wire`, from the start.
    """
    operator = what if isinstance(what, Operator) else operator_of(what, **options)
    it = Operating(operator, Wire(cluster), namespaces, grants)
    it.wire.refuses = refuses
    watching = [asyncio.create_task(each.run()) for each in it.caches.reflectors]
    await it.caches.wait()
    it.begin()
    try:
        yield it
    finally:
        await it.end()
        for task in watching:
            task.cancel()
        found = await asyncio.gather(*watching, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in found), found


async def until(condition: Callable[[], object], what: str, seconds: float = 600.0) -> None:
    """Wait until something is so."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while not condition():
        waited = loop.time() - begun
        assert waited < seconds, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.01 if waited < 1 else 0.5)


async def calm(seconds: float = 60.0) -> None:
    """Let time pass, so that whatever is going to happen has happened."""
    await asyncio.sleep(seconds)


def config_map(name: str = "child", **data: str) -> Json:
    """Return a child as it should be."""
    return {"metadata": {"name": name}, "data": data}


def pod(name: str = "child", image: str = "busybox:1") -> Json:
    """Return a Pod as it should be."""
    return {
        "metadata": {"name": name},
        "spec": {"restartPolicy": "Always", "containers": [{"name": "main", "image": image}]},
    }


async def mirror(gadget: Gadget, world: World) -> GadgetStatus:
    """Have a ConfigMap that says what the Gadget says."""
    await world.ensure(ConfigMap, config_map(gadget.name, text=gadget.spec.text))
    return GadgetStatus(phase=gadget.spec.text).ready("Fine")


def phase(it: Operating, name: str = "one") -> object:
    """Return what a Gadget's status says."""
    return it.gadget(name).get("status", {}).get("phase")
