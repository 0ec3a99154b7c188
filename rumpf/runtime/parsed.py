"""The resources of one kind as their types have them, for whoever must tell whom a change concerns."""

from typing import Any

from pydantic import ValidationError

from rumpf.operator import Index, Reconciler
from rumpf.runtime.store import Entry, Key, Store


class Parsed(Index):
    """Parses a resource when it is first asked for, and again once it has changed."""

    def __init__(self, reconciler: Reconciler[Any], store: Store) -> None:
        self._resource = reconciler.resource
        self._store = store
        self._parsed: dict[Key, tuple[Entry, Any]] = {}

    def resources(self, namespace: str) -> list[Any]:
        """Return the resources of a namespace; invalid ones are left out."""
        found = (
            self._of(key, entry)
            for key in self._store
            if key.namespace == namespace and (entry := self._store.get(key))
        )
        return [each for each in found if each is not None]

    def changed(self, key: Key, _: Entry | None, __: Entry | None, ___: str) -> None:
        """Take note that a resource is another now, or gone: nobody asks for what it was."""
        self._parsed.pop(key, None)

    def _of(self, key: Key, entry: Entry) -> Any:  # noqa: ANN401 - whatever the type is; None: invalid
        known = self._parsed.get(key)
        if known is not None and known[0] is entry:
            return known[1]
        try:
            parsed = self._resource.model_validate(entry.load())
        except ValidationError:
            parsed = None
        self._parsed[key] = (entry, parsed)
        return parsed
