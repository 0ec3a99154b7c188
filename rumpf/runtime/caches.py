"""All that an operator watches: a store for each kind, and a reflector for each kind and namespace."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rumpf.api import Api
from rumpf.errors import ApiError
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
    allowed: Callable[[str], None] = lambda _: None
    """Told of a namespace (empty: of all) where something may be watched again that could not be."""
    by_grant: dict[Reflector, Sequence[Grant]] = field(default_factory=dict)
    """What is watched only by grants: what the operator can do without."""
    _is_complete: bool = False
    """Whether all was listed; that stays so."""

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
        """Tell what was not listed yet that must be before any work is done, and why; None if all was.

        That is all, but for what may not be listed: a namespace that is gone must not keep all others from
        being served. A kind that is not listed in any namespace is missing, unless a grant is for it.
        """
        listed = {each.kind for each in self.reflectors if each.synced.is_set() and each not in self.by_grant}
        missing = {
            f"{each.kind} ({each.trouble})" if each.trouble else str(each.kind)
            for each in self.reflectors
            if not each.answered.is_set() or (each.kind not in listed and each not in self.by_grant)
        }
        return f"not listed yet: {', '.join(sorted(missing))}" if missing else None

    async def wait(self) -> None:
        """Wait until nothing is `missing`."""
        await asyncio.gather(*(reflector.answered.wait() for reflector in self.reflectors))
        needed: defaultdict[Kind, list[Reflector]] = defaultdict(list)
        for each in self.reflectors:
            if each not in self.by_grant:
                needed[each.kind].append(each)
        await asyncio.gather(*map(_any_listed, needed.values()))

    @property
    def without(self) -> Sequence[str]:
        """What was not listed, in words."""
        return sorted(
            {
                f"{each.kind} in {each.namespace or 'all namespaces'}"
                for each in self.reflectors
                if not each.synced.is_set()
            }
        )

    def check(self, namespace: str) -> None:
        """Raise ApiError 403 if it cannot be told what there is in a namespace: that is not nothing.

        What is watched by a grant alone is not looked at; see `is_refused`.
        """
        if self._is_complete or not namespace:
            return
        self._is_complete = all(each.synced.is_set() for each in self.reflectors)
        for each in self.reflectors:
            if each.namespace == namespace and not each.synced.is_set() and each not in self.by_grant:
                raise ApiError(
                    f"it is not known what there is of {each.kind}: {each.trouble or 'it is being listed'}",
                    where=f"namespace {namespace}",
                    remedy="let the operator list and watch it",
                    status=403,
                )

    def is_refused(self, grant: Grant, namespace: str) -> bool:
        """Whether what takes a grant may not be watched in a namespace (empty: anywhere) after all."""
        watches = [
            each.is_refused
            for each, grants in self.by_grant.items()
            if grant in grants and (not namespace or each.namespace in {"", namespace})
        ]
        return any(watches) if namespace else bool(watches) and all(watches)


async def _any_listed(watches: Sequence[Reflector]) -> None:
    """Wait until one of them has listed all."""
    waiting = [asyncio.create_task(each.synced.wait()) for each in watches]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


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

            def allowed(namespace: str = namespace) -> None:
                made.allowed(namespace)

            reflector = Reflector(
                api,
                what.kind,
                store,
                changed,
                namespace=namespace,
                labels=what.labels,
                metadata_only=what.metadata_only,
                keep=partial(made.keeps, what) if what.referred else None,
            )
            reflector.allowed = allowed
            made.reflectors.append(reflector)
            if None not in by:
                made.by_grant[reflector] = [
                    grant for grant in by if grant and _is_given(given[grant.name], namespace)
                ]
    return made


def _where(
    by: Iterable[Grant | None], given: Mapping[str, Sequence[str]], namespaces: Sequence[str]
) -> Sequence[str]:
    """Tell in which namespaces one of some grants is given; a name that is empty stands for all."""
    places = {place for grant in by if grant for place in given[grant.name]}
    return namespaces or ("",) if places.issuperset(EVERYWHERE) else sorted(places)


def _is_given(places: Sequence[str], namespace: str) -> bool:
    return bool(places) and (not namespace or namespace in places or set(places).issuperset(EVERYWHERE))
