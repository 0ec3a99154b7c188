"""All that an operator watches: a store for each kind, and a reflector for each kind and namespace."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rumpf.api import Api
from rumpf.errors import ApiError
from rumpf.kinds import Kind
from rumpf.operator import Operator, Watch
from rumpf.rights import EVERYWHERE, NOTHING_SAID, Grant, is_given, resolved
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


class Unseen(ApiError):
    """It cannot be told what there is of a kind in a namespace: that is not nothing."""


@dataclass
class Caches:
    """The stores by kind, and what fills them."""

    listener: Listener
    stores: dict[Cached, Store] = field(default_factory=dict)
    reflectors: list[Reflector] = field(default_factory=list)
    wanted: dict[Cached, list[Callable[[Key], bool]]] = field(default_factory=dict)
    """Who tells whether an object is named by a resource, of kinds of which only such are kept."""
    turned: Callable[[Reflector], None] = lambda _: None
    """Told of what may not be watched any more, and of what may be again."""
    by_grant: dict[Reflector, Sequence[Grant]] = field(default_factory=dict)
    """What is watched only by grants: what the operator can do without."""
    refused: dict[Reflector, Cached] = field(default_factory=dict)
    """What may not be watched now."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when one of them has answered."""

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
        being served. There must be one in which all is listed, but for what only a grant is for.
        """
        waiting = [each for each in self.reflectors if not each.synced.is_set() and not each.refused]
        if not waiting:
            needed = [each for each in self.reflectors if each not in self.by_grant]
            unlisted = [each for each in needed if not each.synced.is_set()]
            served = {each.namespace for each in needed} - {each.namespace for each in unlisted}
            if unlisted and (not served - {""} or any(not each.namespace for each in unlisted)):
                waiting = unlisted
        words = {f"{each.kind} ({each.trouble})" if each.trouble else str(each.kind) for each in waiting}
        return f"not listed yet: {', '.join(sorted(words))}" if words else None

    async def wait(self) -> None:
        """Wait until nothing is `missing`."""
        while self.missing():
            self._news.clear()
            await self._news.wait()

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

    def check(self, needed: Collection[Cached], namespace: str | None) -> None:
        """Raise `Unseen` if it cannot be told what there is of these in a namespace (None: in any).

        What is watched by a grant alone is not looked at; see `is_refused`.
        """
        for each, what in self.refused.items():
            is_there = namespace is None or each.namespace in {"", namespace}
            if is_there and what in needed and each.is_blind and each not in self.by_grant:
                raise Unseen(
                    f"it is not known what there is of {each.kind}: {each.refused}",
                    where=f"namespace {each.namespace}" if each.namespace else "all namespaces",
                    remedy="let the operator list and watch it",
                    status=403,
                    reason="Forbidden",
                )

    def is_refused(self, grant: Grant, namespace: str) -> bool:
        """Whether what takes a grant may not be watched in a namespace (empty: anywhere) after all."""
        if not self.refused:
            return False
        if namespace:
            return any(
                grant in self.by_grant.get(each, ()) and each.namespace in {"", namespace}
                for each in self.refused
            )
        watches = [each for each, grants in self.by_grant.items() if grant in grants]
        return bool(watches) and all(each in self.refused for each in watches)

    def add(self, what: Cached, reflector: Reflector) -> None:
        """Fill a store by one more watch."""
        self.reflectors.append(reflector)
        reflector.answered = partial(self._answered, what, reflector)

    def _answered(self, what: Cached, one: Reflector) -> None:
        self._news.set()
        if one.refused:
            self.refused[one] = what
        elif self.refused.pop(one, None) is None:
            return
        else:
            for other in self.refused:
                if other.namespace == one.namespace:
                    # What one of them was given mostly all are.
                    other.hurry()
        self.turned(one)


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
            made.add(what, reflector)
            if None not in by:
                made.by_grant[reflector] = [
                    grant for grant in by if grant and is_given(given[grant.name], namespace)
                ]
    return made


def _where(
    by: Iterable[Grant | None], given: Mapping[str, Sequence[str]], namespaces: Sequence[str]
) -> Sequence[str]:
    """Tell in which namespaces one of some grants is given; a name that is empty stands for all."""
    places = {place for grant in by if grant for place in given[grant.name]}
    return namespaces or ("",) if places.issuperset(EVERYWHERE) else sorted(places)
