"""Keeps a store as the API server has it: lists in pages, watches from there, starts over when it must."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import orjson

from rumpf.api import Api
from rumpf.errors import ApiError
from rumpf.kinds import Kind
from rumpf.runtime.pauses import Pauses
from rumpf.runtime.store import Entry, Key, Store, key_of

Changed = Callable[[Key, Entry | None, Entry | None], None]
"""Told of every change: which object, what it was, what it is (None: it is not there)."""
_PAGE = 500
_GONE = 410
_YIELD_EVERY = 100
_METADATA_ONLY = "application/json;as={what};g=meta.k8s.io;v=v1"


class Reflector:
    """The objects of one kind, in one namespace or in all, into a store."""

    def __init__(
        self,
        api: Api,
        kind: Kind,
        store: Store,
        changed: Changed,
        *,
        namespace: str = "",
        labels: str = "",
        metadata_only: bool = False,
    ) -> None:
        self.kind = kind
        self.store = store
        self.namespace = namespace
        self.synced = asyncio.Event()
        self.heard = 0.0
        """When the API server was last heard, in the loop's time."""
        self.trouble: ApiError | None = None
        self._version = ""
        self._pauses = Pauses(0.2, 30.0)
        self._api = api
        self._changed = changed
        self._path = kind.path(namespace or None)
        self._selecting = {"labelSelector": labels} if labels else {}
        self._metadata_only = metadata_only

    async def run(self) -> None:
        """List and watch, until cancelled."""
        while True:
            try:
                if not self._version:
                    self._version = await self._list()
                    self.synced.set()
                await self._watch()
            except ApiError as error:
                self.trouble = error
                if error.status == _GONE:
                    self._version = ""
                await asyncio.sleep(self._pauses.next(error.retry_after))

    async def _list(self) -> str:
        """Fill the store; what it has and the API server has not is dropped."""
        before = {
            key: entry.uid for key in self.store if self._is_ours(key) and (entry := self.store.get(key))
        }
        parameters = {"limit": str(_PAGE), **self._selecting}
        while True:
            page = orjson.loads(
                await self._api.read(
                    "GET", self._path, params=parameters, accept=self._accept("PartialObjectMetadataList")
                )
            )
            for count, item in enumerate(page["items"] or ()):
                key = self._take(item)
                if before.get(key) == item["metadata"]["uid"]:
                    del before[key]
                if count % _YIELD_EVERY == 0:
                    await asyncio.sleep(0)
            self._well()
            token = page["metadata"].get("continue")
            if not token:
                break
            parameters["continue"] = token
        for key, uid in before.items():
            self._lose(key, uid)
        return str(page["metadata"]["resourceVersion"])

    async def _watch(self) -> None:
        """Follow what changes, until the API server ends it."""
        parameters = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(random.randint(240, 360)),  # noqa: S311 - so that not all end at once
            **self._selecting,
        }
        async with self._api.stream(
            self._path, parameters, accept=self._accept("PartialObjectMetadata")
        ) as lines:
            self._well()
            async for line in lines:
                event = orjson.loads(line)
                found, metadata = event["object"], event["object"].get("metadata")
                match event["type"]:
                    case "ADDED" | "MODIFIED":
                        self._version = metadata["resourceVersion"]
                        self._take(found)
                    case "DELETED":
                        self._version = metadata["resourceVersion"]
                        self._lose(key_of(found), metadata["uid"])
                    case "BOOKMARK":
                        self._version = metadata["resourceVersion"]
                    case "ERROR":
                        raise ApiError(
                            found.get("message", "the watch failed"),
                            where=self._path,
                            remedy="it is listed again",
                            status=found.get("code", 0),
                        )
                self._well()

    def _take(self, found: dict[str, Any]) -> Key:
        key = key_of(found)
        before, now = self.store.put(found)
        if now is not before:
            self._changed(key, before, now)
        return key

    def _lose(self, key: Key, uid: str) -> None:
        before = self.store.drop(key, uid)
        if before is not None:
            self._changed(key, before, None)

    def _well(self) -> None:
        self.heard = asyncio.get_running_loop().time()
        self.trouble = None
        self._pauses.reset()

    def _is_ours(self, key: Key) -> bool:
        return not self.namespace or key.namespace == self.namespace

    def _accept(self, what: str) -> str:
        return _METADATA_ONLY.format(what=what) if self._metadata_only else "application/json"
