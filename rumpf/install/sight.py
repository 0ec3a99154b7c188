"""What a person wants to see of resources: which are Ready, why others are not, and what happens to them."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

import orjson

from rumpf.api import Api
from rumpf.errors import ApiError
from rumpf.install.asking import Json
from rumpf.kinds import Kind
from rumpf.manifests.reading import part, parts

_PAUSE = 0.5
_EVENTS = Kind("events.k8s.io", "v1", "Event", "events")


@dataclass(frozen=True)
class Row:
    """One resource."""

    kind: str
    namespace: str
    name: str
    ready: str
    """True, False, Unknown; empty if nothing is said of that."""
    reason: str
    message: str
    created: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is called."""
        return (self.kind, self.namespace, self.name)

    @property
    def place(self) -> str:
        """Its name, with its namespace."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def is_ready(self) -> bool:
        """Whether all is well with it."""
        return self.ready == "True"


def row_of(found: Json, kind: Kind) -> Row:
    """Return the row of an object."""
    metadata = part(found, "metadata")
    conditions = {str(each.get("type")): each for each in parts(found, "status", "conditions")}
    ready = part(conditions, "Ready")
    current = ready.get("observedGeneration", metadata.get("generation")) == metadata.get("generation")
    return Row(
        kind.kind,
        str(metadata.get("namespace", "")),
        str(metadata["name"]),
        # What was said of an earlier generation says nothing of this one.
        str(ready.get("status", "")) if current else "Unknown",
        str(ready.get("reason", "")),
        str(ready.get("message", "")),
        str(metadata.get("creationTimestamp", "")),
    )


class Sight:
    """The resources of some kinds, as they are now; and the Events about them, as they come."""

    def __init__(
        self,
        api: Api,
        kinds: Iterable[Kind],
        *,
        changed: Callable[[Row | None, Row | None], None],
        happened: Callable[[str], None],
    ) -> None:
        self.rows: dict[tuple[str, str, str], Row] = {}
        self._api = api
        self._kinds = tuple(dict.fromkeys(kinds))
        self._changed = changed
        self._happened = happened

    async def watch(self) -> None:
        """Watch until cancelled. Whatever breaks off begins again."""
        async with asyncio.TaskGroup() as watches:
            for kind in self._kinds:
                watches.create_task(self._keep_watching(kind, self._list, self._see))
            watches.create_task(self._keep_watching(_EVENTS, self._skip, self._hear))

    async def _keep_watching(
        self, kind: Kind, first: Callable[[Kind, list[Json]], None], then: Callable[[Kind, Json], None]
    ) -> None:
        while True:
            with suppress(ApiError):
                listed = await self._api.request("GET", kind.path())
                first(kind, listed["items"])
                params = {
                    "watch": "true",
                    "allowWatchBookmarks": "true",
                    "resourceVersion": listed["metadata"]["resourceVersion"],
                }
                async with self._api.stream(kind.path(), params) as lines:
                    async for line in lines:
                        change = orjson.loads(line)
                        if change["type"] == "ERROR":
                            break
                        then(kind, change)
            await asyncio.sleep(_PAUSE)

    def _list(self, kind: Kind, items: list[Json]) -> None:
        there = {(row := row_of(each, kind)).key: row for each in items}
        for key in [key for key in self.rows if key[0] == kind.kind and key not in there]:
            self._changed(self.rows.pop(key), None)
        for row in there.values():
            self._put(row)

    def _see(self, kind: Kind, change: Json) -> None:
        if change["type"] == "BOOKMARK":
            return
        row = row_of(change["object"], kind)
        if change["type"] == "DELETED":
            self._changed(self.rows.pop(row.key, None), None)
        else:
            self._put(row)

    def _put(self, row: Row) -> None:
        before = self.rows.get(row.key)
        self.rows[row.key] = row
        if before != row:
            self._changed(before, row)

    def _skip(self, _kind: Kind, _items: list[Json]) -> None:
        """What happened before is of no interest now."""

    def _hear(self, _kind: Kind, change: Json) -> None:
        event = change["object"]
        about = part(event, "regarding")
        if change["type"] != "ADDED" or about.get("kind") not in {kind.kind for kind in self._kinds}:
            return
        place = "/".join(filter(None, (about.get("namespace"), about.get("name"))))
        self._happened(f"{event.get('reason')}: {about['kind']} {place}: {event.get('note', '')}")
