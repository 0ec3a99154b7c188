"""Which objects the resources of one kind speak of, by name: whom a change of one of them concerns."""

from collections.abc import Callable, Collection, Iterable

from rumpf.runtime.store import Key


class References:
    """From resources to the objects that they name, and back."""

    def __init__(self, *, dropped: Callable[[Key], None]) -> None:
        self._names: dict[Key, frozenset[Key]] = {}
        self._named_by: dict[Key, set[Key]] = {}
        self._dropped = dropped
        """Told of an object that nobody names any more."""

    def set(self, resource: Key, objects: Iterable[Key]) -> None:
        """Take note of all that a resource names; nothing once it is gone."""
        before, now = self._names.pop(resource, frozenset()), frozenset(objects)
        if now:
            self._names[resource] = now
        for each in now - before:
            self._named_by.setdefault(each, set()).add(resource)
        for each in before - now:
            naming = self._named_by[each]
            naming.discard(resource)
            if not naming:
                del self._named_by[each]
                self._dropped(each)

    def to(self, named: Key) -> Collection[Key]:
        """Tell which resources name an object."""
        return self._named_by.get(named, ())

    def __contains__(self, named: Key) -> bool:
        return named in self._named_by
