"""An API server in memory, as far as a runtime can tell: versions, watches, merges, applies, finalizers."""

import asyncio
import copy
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from rumpf.api.client import APPLY, CREATE_ONLY, MERGE
from rumpf.errors import ApiError
from rumpf.kinds import Kind
from tests.unit.runtime.shelf import refusal

Json = dict[str, Any]
_PATH = re.compile(
    r"(?P<group>/api/v1|/apis/[^/]+/[^/]+)(/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<plural>[^/]+)(/(?P<name>[^/]+))?(/(?P<sub>[^/]+))?"
)


class Place(NamedTuple):
    """Where one object is."""

    kind: str
    namespace: str
    name: str


class Asked(NamedTuple):
    """One request."""

    verb: str
    path: str
    body: Any


@dataclass
class Happened:
    """One change: of which kind, what was there before, what is there now."""

    version: int
    kind: str
    before: Json | None
    now: Json | None


@dataclass
class Cluster:
    """The objects, and all that has happened to them."""

    objects: dict[Place, Json] = field(default_factory=dict)
    history: list[Happened] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    """Kinds (their collections' paths) that are not installed."""
    forgotten: int = 0
    """Watches from before this version are refused: it was compacted."""
    version: int = 100
    applied: dict[tuple[str, str], Json] = field(default_factory=dict)
    """What each manager last applied to which uid."""
    rewrite: Callable[[Json], None] = lambda _: None
    """What the API server makes of an object that is written."""
    bells: set[asyncio.Event] = field(default_factory=set)
    """Rung when something happens."""

    # As a person with kubectl.

    def create(self, kind: Kind, name: str, namespace: str = "ns", **content: Any) -> Json:  # noqa: ANN401 - JSON
        """Create an object."""
        metadata = {"name": name, **content.pop("metadata", {})}
        if kind.namespaced:
            metadata["namespace"] = namespace
        place = Place(kind.path(), metadata.get("namespace", ""), name)
        return self._put(
            place, {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **content}
        )

    def get(self, kind: Kind, name: str, namespace: str = "ns") -> Json | None:
        """Return an object, if it is there."""
        found = self.objects.get(Place(kind.path(), namespace if kind.namespaced else "", name))
        return copy.deepcopy(found)

    def change(self, kind: Kind, name: str, patch: Json, namespace: str = "ns") -> Json:
        """Merge a patch into an object: its status too, as a person could by two requests."""
        place = Place(kind.path(), namespace if kind.namespaced else "", name)
        return self._put(place, merged(self.objects[place], patch))

    def delete(self, kind: Kind, name: str, namespace: str = "ns") -> None:
        """Delete an object; one with finalizers only says that it is to go."""
        self._delete(Place(kind.path(), namespace if kind.namespaced else "", name))

    # As the API server.

    def answer(
        self,
        verb: str,
        path: str,
        body: Any,  # noqa: ANN401 - JSON
        content_type: str,
        params: Mapping[str, str],
    ) -> Json:
        """Do what is asked, or refuse."""
        self.asked.append(Asked("APPLY" if content_type == APPLY else verb, path, copy.deepcopy(body)))
        place, subresource = self._place(path)
        if verb == "GET":
            return copy.deepcopy(self._there(place)) if place.name else self._list(place, params)
        if verb == "DELETE":
            there = self._there(place)
            wanted = (body or {}).get("preconditions", {}).get("uid", there["metadata"]["uid"])
            if wanted != there["metadata"]["uid"]:
                raise refusal(409, "Conflict")
            return self._delete(place)
        if verb == "POST":
            made = place._replace(name=body["metadata"]["name"])
            if made in self.objects:
                raise refusal(409, "AlreadyExists")
            return self._put(made, body)
        if content_type == APPLY:
            return self._apply(place, body, params["fieldManager"])
        assert content_type == MERGE, content_type
        return self._merge(place, body, subresource)

    def _place(self, path: str) -> tuple[Place, str]:
        match = _PATH.fullmatch(path)
        assert match, path
        kind = f"{match['group']}/{match['plural']}"
        if kind in self.missing:
            raise refusal(404, "NotFound")
        return Place(kind, match["namespace"] or "", match["name"] or ""), match["sub"] or ""

    def _list(self, place: Place, params: Mapping[str, str]) -> Json:
        found = [each for where, each in sorted(self.objects.items()) if matches(where, each, place, params)]
        start, limit = int(params.get("continue", "0")), int(params.get("limit", "500"))
        metadata: Json = {"resourceVersion": str(self.version)}
        if len(found) > start + limit:
            metadata["continue"] = str(start + limit)
        return {"metadata": metadata, "items": copy.deepcopy(found[start : start + limit])}

    def _merge(self, place: Place, body: Json, subresource: str) -> Json:
        there = self._there(place)
        for precondition in ("uid", "resourceVersion"):
            wanted = body.get("metadata", {}).get(precondition)
            if wanted and wanted != there["metadata"][precondition]:
                raise refusal(409, "Conflict")
        if subresource == "status":
            body = {"status": body["status"]}
        return self._put(place, merged(there, body))

    def _apply(self, place: Place, body: Json, manager: str) -> Json:
        there = self.objects.get(place)
        wanted = copy.deepcopy(body)
        version, uid = (wanted["metadata"].pop(key, None) for key in ("resourceVersion", "uid"))
        if there is None:
            if uid:
                raise refusal(409, "Conflict")
            assert version in {None, CREATE_ONLY}
            made = self._put(place, wanted)
        else:
            if version == CREATE_ONLY or (uid and uid != there["metadata"]["uid"]):
                raise refusal(409, "Conflict")
            before = self.applied.get((manager, there["metadata"]["uid"]), {})
            made = self._put(place, merged(merged(there, no_longer(before, wanted)), wanted))
        self.applied[manager, made["metadata"]["uid"]] = wanted
        return made

    def _put(self, place: Place, wanted: Json) -> Json:
        before = self.objects.get(place)
        now = copy.deepcopy(wanted)
        self.rewrite(now)
        if before is None:
            now["metadata"] |= {"uid": f"uid-{self.version + 1}", "generation": 1}
            now["metadata"].setdefault("creationTimestamp", "2020-01-01T00:00:00Z")
        elif {**now, "metadata": 0, "status": 0} != {**before, "metadata": 0, "status": 0}:
            now["metadata"]["generation"] = before["metadata"]["generation"] + 1
        if now == before:
            return copy.deepcopy(now)
        if (
            before is not None
            and "deletionTimestamp" in now["metadata"]
            and not now["metadata"].get("finalizers")
        ):
            return self._remove(place, now)
        self.version += 1
        now["metadata"]["resourceVersion"] = str(self.version)
        self.objects[place] = now
        self._tell(Happened(self.version, place.kind, before, now))
        return copy.deepcopy(now)

    def _delete(self, place: Place) -> Json:
        there = self._there(place)
        if there["metadata"].get("finalizers"):
            return self._put(
                place, merged(there, {"metadata": {"deletionTimestamp": "2020-01-01T00:00:00Z"}})
            )
        self._remove(place, there)
        return {"kind": "Status", "metadata": {}, "status": "Success"}

    def _remove(self, place: Place, last: Json) -> Json:
        self.version += 1
        before = self.objects.pop(place)
        self._tell(Happened(self.version, place.kind, before, None))
        return copy.deepcopy(last)

    def _there(self, place: Place) -> Json:
        if place not in self.objects:
            raise refusal(404, "NotFound")
        return self.objects[place]

    def _tell(self, happened: Happened) -> None:
        self.history.append(happened)
        for bell in self.bells:
            bell.set()


class Wire:
    """One client's way to it: the `Api`, as the runtime uses it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.watch_lag = 0.0
        """Seconds that a watch is behind."""
        self.answer_lag = 0.001
        self.refuses: Callable[[str, str], Exception | None] = lambda _, __: None
        """Told of each request's verb and path; returns what to raise instead of asking."""
        self.answered: Callable[[str, str], None] = lambda _, __: None
        """Told when something was done, before its answer is on the way."""
        self.watches = 0
        self._cuts = 0

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        timeout: float = 30.0,  # noqa: ASYNC109 - as the client's
    ) -> Json:
        """Ask."""
        # What is not JSON cannot be sent.
        body = orjson.loads(orjson.dumps(body))
        await asyncio.sleep(self.answer_lag)
        if error := self.refuses("APPLY" if content_type == APPLY else method, path):
            raise error
        found = self.cluster.answer(method, path, body, content_type, params or {})
        self.answered("APPLY" if content_type == APPLY else method, path)
        await asyncio.sleep(self.answer_lag)
        return found

    async def read(self, method: str, path: str, *, params: Mapping[str, str], accept: str) -> bytes:
        """Ask for a list."""
        return orjson.dumps(await self.request(method, path, params=params))

    async def create(self, manifest: Json, kind: Kind, *, manager: str) -> Json:
        """Create."""
        return await self.request(
            "POST",
            kind.path(manifest["metadata"].get("namespace")),
            {"apiVersion": kind.api_version, "kind": kind.kind, **manifest},
            params={"fieldManager": manager},
        )

    async def apply(self, manifest: Json, kind: Kind, *, manager: str) -> Json:
        """Apply."""
        metadata = manifest["metadata"]
        return await self.request(
            "PATCH",
            kind.path(metadata.get("namespace"), metadata["name"]),
            {"apiVersion": kind.api_version, "kind": kind.kind, **manifest},
            params={"fieldManager": manager},
            content_type=APPLY,
        )

    def cut(self) -> None:
        """Break every watch off."""
        self._cuts += 1
        for bell in self.cluster.bells:
            bell.set()

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str], *, accept: str
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Watch."""
        self.watches += 1
        if error := self.refuses("WATCH", path):
            raise error
        place, _ = self.cluster._place(path)  # noqa: SLF001 - two halves of one thing
        yield self._events(place, params)

    async def _events(self, place: Place, params: Mapping[str, str]) -> AsyncIterator[bytes]:
        cluster, at = self.cluster, int(params["resourceVersion"])
        if at < cluster.forgotten:
            gone = {"kind": "Status", "code": 410, "message": "too old resource version"}
            yield orjson.dumps({"type": "ERROR", "object": gone})
            return
        cuts, bell = self._cuts, asyncio.Event()
        cluster.bells.add(bell)
        try:
            while cuts == self._cuts:
                bell.clear()
                for happened in [each for each in cluster.history if each.version > at]:
                    await asyncio.sleep(self.watch_lag)
                    at = happened.version
                    if event := seen(happened, place, params):
                        yield orjson.dumps(event)
                await bell.wait()
        finally:
            cluster.bells.discard(bell)
        raise ApiError("the watch broke off")


def seen(happened: Happened, place: Place, params: Mapping[str, str]) -> Json | None:
    """Return a change as a watch with a selector tells it."""

    def visible(found: Json | None) -> bool:
        if found is None or happened.kind != place.kind:
            return False
        metadata = found["metadata"]
        return matches(Place(place.kind, metadata.get("namespace", ""), ""), found, place, params)

    before, now = visible(happened.before), visible(happened.now)
    if now:
        return {"type": "MODIFIED" if before else "ADDED", "object": happened.now}
    if before:
        assert happened.before
        gone = happened.now or happened.before
        version = {"resourceVersion": str(happened.version)}
        return {"type": "DELETED", "object": {**gone, "metadata": {**gone["metadata"], **version}}}
    return None


def matches(where: Place, found: Json, place: Place, params: Mapping[str, str]) -> bool:
    """Tell whether a list or watch of a place shows an object."""
    selector = params.get("labelSelector", "")
    key, _, value = selector.partition("=")
    return (
        where.kind == place.kind
        and place.namespace in {"", where.namespace}
        and (not selector or (found["metadata"].get("labels") or {}).get(key) == value)
    )


def merged(there: Any, patch: Any) -> Any:  # noqa: ANN401 - JSON
    """Merge as RFC 7396 says."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(there) if isinstance(there, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def no_longer(before: Json, now: Json) -> Json:
    """Return the patch that takes away what was applied before and is not now."""
    patch: Json = {}
    for key, value in before.items():
        if key not in now:
            patch[key] = None
        elif isinstance(value, dict) and isinstance(now[key], dict):
            patch[key] = no_longer(value, now[key])
    return patch
