"""Who is told of which change: the resource itself, the owners of a child, whom a watched object concerns."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from rumpf.kinds import Kind
from rumpf.operator import Index, Operator, Reconciler, Watch
from rumpf.runtime.caches import Cached, owned
from rumpf.runtime.controller import Controller
from rumpf.runtime.queue import Urgency
from rumpf.runtime.store import Entry, Key, Store

Route = Callable[[Key, Entry | None, Entry | None, str], None]
"""Takes note of a change: which object, what it was, what it is, and whose own reconcile has done it."""
_LOG = logging.getLogger("rumpf.watch")


class Routes:
    """All of them, of one operator."""

    def __init__(self, operator: Operator, controllers: Sequence[Controller]) -> None:
        self._routes: dict[Cached, list[Route]] = {}
        for controller in controllers:
            reconciler = controller.reconciler
            self._add(Cached(reconciler.kind), controller.seen)
            for view in reconciler.owns:
                self._add(owned(operator, view.kind), _to_owners(controller))
            for watch in reconciler.watches:
                what = Cached(watch.view.kind, watch.labels, watch.metadata_only)
                self._add(what, _to_concerned(controller, watch))

    def tell(self, what: Cached, key: Key, before: Entry | None, now: Entry | None, by: str) -> None:
        """Tell everybody of a change."""
        for route in self._routes[what]:
            route(key, before, now, by)

    def _add(self, what: Cached, route: Route) -> None:
        self._routes.setdefault(what, []).append(route)


def _to_owners(controller: Controller) -> Route:
    def route(_: Key, before: Entry | None, now: Entry | None, by: str) -> None:
        for entry in (before, now):
            for owner in entry.owners if entry else ():
                if owner != by:
                    controller.concerned(owner)

    return route


def _to_concerned(controller: Controller, watch: Watch) -> Route:
    resources = _Resources(controller.reconciler, controller.store)

    def route(key: Key, before: Entry | None, now: Entry | None, _: str) -> None:
        for entry in (before, now):
            if entry is None:
                continue
            try:
                for namespace, name in watch.concerns(watch.view.of(entry.load()), resources):
                    controller.queue.add(Key(namespace, name), Urgency.CHANGED)
            except Exception:  # noqa: BLE001 - what an author's function does not understand stops no watch
                _LOG.exception("it cannot be told whom %s concerns", _place(watch.view.kind, key))

    return route


def _place(kind: Kind, key: Key) -> str:
    return f"{kind.kind} {key.namespace}/{key.name}" if key.namespace else f"{kind.kind} {key.name}"


class _Resources(Index):
    """The resources of one kind, for whoever must tell whom a change concerns."""

    def __init__(self, reconciler: Reconciler[Any], store: Store) -> None:
        self._resource = reconciler.resource
        self._store = store

    def resources(self, namespace: str) -> list[Any]:
        """Return the resources of a namespace, parsed; invalid ones are left out."""
        found: list[Any] = []
        for key in self._store:
            if key.namespace == namespace and (entry := self._store.get(key)):
                with suppress(ValidationError):
                    found.append(self._resource.model_validate(entry.load()))
        return found
