"""All that an operator watches: a store for each kind, and a reflector for each kind and namespace."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rumpf.api import Api
from rumpf.kinds import Kind
from rumpf.operator import Operator
from rumpf.runtime.reflector import Reflector
from rumpf.runtime.store import Entry, Key, Store, key_of

MANAGED_BY = "app.kubernetes.io/managed-by"


@dataclass(frozen=True)
class Cached:
    """One kind that is watched, and how."""

    kind: Kind
    labels: str = ""
    metadata_only: bool = False


Listener = Callable[[Cached, Key, Entry | None, Entry | None, str], None]
"""Told of every change: of what, which object, what it was, what it is, and the uid of the resource whose own
reconcile has done it (empty: somebody else, as far as is known)."""


@dataclass
class Caches:
    """The stores by kind, and what fills them."""

    listener: Listener
    stores: dict[Cached, Store] = field(default_factory=dict)
    reflectors: list[Reflector] = field(default_factory=list)

    def learn(self, what: Cached, found: dict[str, Any], by: str) -> None:
        """Take note of an answer to a write of our own. The watch will tell it again, and is not heard then.

        It may tell of what others did just before; and others wait for what we did.
        """
        before, now = self.stores[what].put(found)
        if now is not before:
            self.listener(what, key_of(found), before, now, by)

    def missing(self) -> str | None:
        """Tell what was not listed yet, and why, if that is known; None if everything was."""
        missing = {
            f"{each.kind} ({each.trouble})" if each.trouble else str(each.kind)
            for each in self.reflectors
            if not each.synced.is_set()
        }
        return f"not listed yet: {', '.join(sorted(missing))}" if missing else None

    async def wait(self) -> None:
        """Wait until everything was listed once."""
        await asyncio.gather(*(reflector.synced.wait() for reflector in self.reflectors))


def what_is_watched(operator: Operator) -> Sequence[Cached]:
    """Tell which kinds an operator watches: its resources, its children, and what it was told to."""
    found: dict[Cached, None] = {}
    for reconciler in operator.reconcilers:
        found[Cached(reconciler.kind)] = None
        for view in reconciler.owns:
            found[owned(operator, view.kind)] = None
        for watch in reconciler.watches:
            found[Cached(watch.view.kind, watch.labels, watch.metadata_only)] = None
    return tuple(found)


def owned(operator: Operator, kind: Kind) -> Cached:
    """Tell how children of a kind are watched: only ours are ever sent."""
    return Cached(kind, f"{MANAGED_BY}={operator.full_name}")


def caches(api: Api, operator: Operator, namespaces: Iterable[str], listener: Listener) -> Caches:
    """Prepare the caches of an operator; nothing is asked yet."""
    made = Caches(listener)
    for what in what_is_watched(operator):
        store = made.stores[what] = Store()
        for namespace in (namespaces if what.kind.namespaced else ()) or ("",):

            def changed(key: Key, before: Entry | None, now: Entry | None, what: Cached = what) -> None:
                listener(what, key, before, now, "")

            made.reflectors.append(
                Reflector(
                    api,
                    what.kind,
                    store,
                    changed,
                    namespace=namespace,
                    labels=what.labels,
                    metadata_only=what.metadata_only,
                )
            )
    return made
