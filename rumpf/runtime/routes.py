"""Who is told of which change: the resource itself, the owners of a child, whom a watched object concerns."""

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from pydantic import ValidationError

from rumpf.kinds import Kind
from rumpf.objects import View
from rumpf.operator import Index, Operator, Watch
from rumpf.runtime.caches import Cached, Caches, owned, watched
from rumpf.runtime.controller import Controller
from rumpf.runtime.parsed import Parsed
from rumpf.runtime.queue import Urgency
from rumpf.runtime.references import References
from rumpf.runtime.reflector import Reflector
from rumpf.runtime.store import Entry, Key

Route = Callable[[Key, Entry | None, Entry | None, str], None]
"""Takes note of a change: which object, what it was, what it is, and whose own reconcile has done it."""
Refers = Callable[[Any], Iterable[str]]
Concerns = Callable[[View, Index], Iterable[tuple[str, str]]]
_LOG = logging.getLogger("rumpf.watch")


class Routes:
    """All of them, of one operator."""

    def __init__(self, operator: Operator, controllers: Sequence[Controller], caches: Caches) -> None:
        self._routes: dict[Cached, list[Route]] = {}
        self._controllers = controllers
        self._caches = caches
        caches.turned = self._look_again
        for controller in controllers:
            reconciler = controller.reconciler
            self._add(Cached(reconciler.kind), controller.seen)
            for view in reconciler.owns:
                self._add(owned(operator, view.kind), _to_owners(controller))
            resources = Parsed(reconciler, controller.store)
            if any(watch.concerns for watch in reconciler.watches):
                self._add(Cached(reconciler.kind), resources.changed)
            for watch in reconciler.watches:
                if watch.refers is not None:
                    self._refer(caches, controller, watch, watch.refers)
                elif watch.concerns is not None:
                    self._add(watched(watch), _to_concerned(controller, watch, watch.concerns, resources))

    def tell(self, what: Cached, key: Key, before: Entry | None, now: Entry | None, by: str) -> None:
        """Tell everybody of a change."""
        for route in self._routes[what]:
            route(key, before, now, by)

    def _look_again(self, what: Reflector) -> None:
        """Have those looked at that could not be served; if it is about a grant, all that may ask for it."""
        for controller in self._controllers:
            controller.look_again(everything=what in self._caches.by_grant)

    def _refer(self, caches: Caches, controller: Controller, watch: Watch, refers: Refers) -> None:
        """Keep count of who names what; it comes before whoever looks at a resource that has changed."""
        what = watched(watch)
        references = References(dropped=partial(_drop, caches, what))
        caches.wanted.setdefault(what, []).append(references.__contains__)
        self._routes[Cached(controller.kind)].insert(0, _from_resources(controller, references, refers))
        self._add(what, _to_referring(controller, references))

    def _add(self, what: Cached, route: Route) -> None:
        self._routes.setdefault(what, []).append(route)


def _to_owners(controller: Controller) -> Route:
    def route(_: Key, before: Entry | None, now: Entry | None, by: str) -> None:
        for entry in (before, now):
            for owner in entry.owners if entry else ():
                if owner != by:
                    controller.concerned(owner)

    return route


def _from_resources(controller: Controller, references: References, refers: Refers) -> Route:
    read = controller.reconciler.resource.model_validate

    def route(key: Key, before: Entry | None, now: Entry | None, _: str) -> None:
        if now is None:
            references.set(key, ())
            return
        if before is not None and before.uid == now.uid and before.generation == now.generation:
            return
        try:
            references.set(key, [Key(key.namespace, name) for name in refers(read(now.load()))])
        except ValidationError:
            references.set(key, ())
        except Exception:  # noqa: BLE001 - what an author's function does not understand stops no watch
            _LOG.exception("it cannot be told what %s names", _place(controller.kind, key))

    return route


def _to_referring(controller: Controller, references: References) -> Route:
    def route(key: Key, _: Entry | None, __: Entry | None, by: str) -> None:
        for resource in references.to(key):
            entry = controller.store.get(resource)
            if entry is not None and entry.uid != by:
                controller.queue.add(resource, Urgency.CHANGED)

    return route


def _drop(caches: Caches, what: Cached, key: Key) -> None:
    """Keep no longer what nobody names: what changes from now on is not heard."""
    if not caches.keeps(what, key):
        caches.stores[what].leave(key)


def _to_concerned(controller: Controller, watch: Watch, concerns: Concerns, resources: Index) -> Route:
    def route(key: Key, before: Entry | None, now: Entry | None, _: str) -> None:
        for entry in (before, now):
            if entry is None:
                continue
            try:
                for namespace, name in concerns(watch.view.of(entry.load()), resources):
                    controller.queue.add(Key(namespace, name), Urgency.CHANGED)
            except Exception:  # noqa: BLE001 - what an author's function does not understand stops no watch
                _LOG.exception("it cannot be told whom %s concerns", _place(watch.view.kind, key))

    return route


def _place(kind: Kind, key: Key) -> str:
    return f"{kind.kind} {key.namespace}/{key.name}" if key.namespace else f"{kind.kind} {key.name}"
