"""All that an operator watches: a store for each kind, and a reflector for each kind and namespace."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rumpf.api import Api
from rumpf.kinds import Kind
from rumpf.operator import Operator, Watch
from rumpf.rights import EVERYWHERE, NOTHING_SAID, Grant, resolved
from rumpf.runtime.reflector import Reflector
from rumpf.runtime.store import Entry, Key, Store, key_of, metadata_of

MANAGED_BY = "app.kubernetes.io/managed-by"


@dataclass(frozen=True)
class Cached:
    """One kind that is watched, and how."""

    kind: Kind
    labels: str = ""
    metadata_only: bool = False
    referred: bool = False
    """Whether only those are kept that a resource names."""


Listener = Callable[[Cached, Key, Entry | None, Entry | None, str], None]
"""Told of every change: of what, which object, what it was, what it is, and the uid of the resource whose own
reconcile has done it (empty: somebody else, as far as is known)."""


@dataclass
class Caches:
    """The stores by kind, and what fills them."""

    listener: Listener
    stores: dict[Cached, Store] = field(default_factory=dict)
    reflectors: list[Reflector] = field(default_factory=list)
    wanted: dict[Cached, list[Callable[[Key], bool]]] = field(default_factory=dict)
    """Who tells whether an object is named by a resource, of kinds of which only such are kept."""

    def keeps(self, what: Cached, key: Key) -> bool:
        """Whether an object is kept."""
        return not what.referred or any(named(key) for named in self.wanted.get(what, ()))

    def meet(self, kind: Kind, found: dict[str, Any], by: str) -> None:
        """Take note of an object that was asked for, where objects of its kind are kept by their names."""
        for what in self.stores:
            if what.kind == kind and what.referred and self.keeps(what, key_of(found)):
                self.learn(what, metadata_of(found) if what.metadata_only else found, by)

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


def what_is_watched(operator: Operator) -> Mapping[Cached, Sequence[Grant | None]]:
    """Tell which kinds an operator watches: its resources, its children, and what it was told to.

    And by which grants: there alone where one of them is given, or wherever it is at work (None).
    """
    found: defaultdict[Cached, list[Grant | None]] = defaultdict(list)
    for reconciler in operator.reconcilers:
        found[Cached(reconciler.kind)].append(None)
        for view in reconciler.owns:
            found[owned(operator, view.kind)].append(None)
        for watch in reconciler.watches:
            found[watched(watch)].append(watch.grant)
    return found


def watched(watch: Watch) -> Cached:
    """Tell how the objects of a `Watch` are watched."""
    return Cached(watch.view.kind, watch.labels, watch.metadata_only, referred=watch.refers is not None)


def owned(operator: Operator, kind: Kind) -> Cached:
    """Tell how children of a kind are watched: only ours are ever sent."""
    return Cached(kind, f"{MANAGED_BY}={operator.full_name}")


def caches(
    api: Api,
    operator: Operator,
    namespaces: Sequence[str],
    listener: Listener,
    grants: Mapping[str, Sequence[str]] = NOTHING_SAID,
) -> Caches:
    """Prepare the caches of an operator; nothing is asked yet. A grant that is not named is as declared."""
    made = Caches(listener)
    given = resolved(operator.grants, grants)
    for what, by in what_is_watched(operator).items():
        store = made.stores[what] = Store()
        places = namespaces or ("",) if None in by else _where(by, given, namespaces)
        if not what.kind.namespaced:
            places = ("",) if places else ()
        for namespace in places:

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
                    keep=partial(made.keeps, what) if what.referred else None,
                )
            )
    return made


def _where(
    by: Iterable[Grant | None], given: Mapping[str, Sequence[str]], namespaces: Sequence[str]
) -> Sequence[str]:
    """Tell in which namespaces one of some grants is given; a name that is empty stands for all."""
    places = {place for grant in by if grant for place in given[grant.name]}
    return namespaces or ("",) if places.issuperset(EVERYWHERE) else sorted(places)
