"""Keeps a store as the API server has it: lists in pages, watches from there, starts over when it must."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Any

import orjson

from rumpf.api import Api
from rumpf.errors import ApiError
from rumpf.kinds import Kind
from rumpf.runtime.pauses import Pauses
from rumpf.runtime.store import Entry, Key, Store, key_of, metadata_of

Changed = Callable[[Key, Entry | None, Entry | None], None]
"""Told of every change: which object, what it was, what it is (None: it is not there)."""
_PAGE = 250
"""Larger ones are no quicker: so many objects are read and gone before Python looks for garbage."""
_YIELD_EVERY = 100
_FORBIDDEN, _NOT_FOUND = 403, 404
_GOES_ON = {0, 401, _FORBIDDEN, 429, 500, 502, 503}
"""Refusals that say nothing of a watch's version: it goes on from there. After any other all is listed."""
_WORKED = 5.0
"""A watch that lived for so long did work, even if nothing was to be told."""
_AT_START = 4.0
"""What is refused for no longer than that is no answer: an API server that starts knows not all rights."""
_LASTS = 10.0
"""What was listed and is refused for no longer than that is being granted anew."""
_REMINDED_EVERY = 300.0
_LOG = logging.getLogger("rumpf.watch")
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
        keep: Callable[[Key], bool] | None = None,
    ) -> None:
        self.kind = kind
        self.store = store
        self.namespace = namespace
        self.synced = asyncio.Event()
        """Set once all was listed."""
        self.heard = 0.0
        """When the API server was last heard, in the loop's time."""
        self.tried = 0.0
        """When it was last heard, or last refused or failed to answer: what does not even try is dead."""
        self.trouble = ""
        """Why nothing is heard; empty while all is well."""
        self.refused = ""
        """Why it may not be listed and watched, if that lasts: what is in the store is old."""
        self.is_no_more = False
        """Whether it is refused because there is no such kind."""
        self.answered: Callable[[], None] = lambda: None
        """Told when all was listed for the first time, when it is refused, and when it is not any more."""
        self._settling: asyncio.TimerHandle | None = None
        """Runs while it is not known yet whether a refusal lasts."""
        self._hurried = asyncio.Event()
        self._listening = False
        self._told: tuple[str, float] = ("", 0.0)
        self._useful = False
        self._version = ""
        self._pauses = Pauses(0.2, 30.0)
        self._api = api
        self._changed = changed
        self._path = kind.path(namespace or None)
        self._selecting = {"labelSelector": labels} if labels else {}
        self._metadata_only = metadata_only
        self._keep = keep

    @property
    def is_blind(self) -> bool:
        """Whether it is refused, and nobody can tell what there is: it was never listed, or is no more."""
        return bool(self.refused) and (self.is_no_more or not self.synced.is_set())

    @property
    def deaf_for(self) -> float:
        """For how many seconds nothing can have been heard; none while a watch is open."""
        return 0.0 if self._listening else asyncio.get_running_loop().time() - self.heard

    async def fill(self) -> None:
        """List once. Raises ApiError where `run` would try again."""
        self._version = await self._list()
        self._accepted()

    async def run(self) -> None:
        """List and watch, until cancelled. Whatever goes wrong is tried again, after a growing pause."""
        try:
            while True:
                self._useful = False
                asked_for: float | None = None
                try:
                    if not self._version:
                        await self.fill()
                    await self._watch()
                    if self._useful:
                        continue
                except ApiError as error:
                    if error.status not in _GOES_ON:
                        self._version = ""
                    why = self._explained(error)
                    if error.status in {_FORBIDDEN, _NOT_FOUND}:
                        self._refuse(why, is_no_more=error.status == _NOT_FOUND)
                    else:
                        self._settle()
                    self._ill(why, serious=error.status == _FORBIDDEN)
                    asked_for = error.retry_after
                except Exception as error:  # noqa: BLE001 - nobody would begin it again
                    _LOG.exception("%s: what was heard makes no sense", self)
                    self._version = ""
                    self._ill(f"{type(error).__name__}: {error}")
                await self._pause(self._pauses.next(asked_for))
        finally:
            self._settle()

    def hurry(self) -> None:
        """Try again now, if it pauses, and soon after that."""
        self._pauses.reset()
        self._hurried.set()

    def __str__(self) -> str:
        what = f"{'metadata of ' if self._metadata_only else ''}{self.kind}"
        labels = self._selecting.get("labelSelector")
        return " ".join(
            (
                f"watch of {what}",
                *((f"in {self.namespace}",) if self.namespace else ()),
                *((f"with {labels}",) if labels else ()),
            )
        )

    async def _list(self) -> str:
        """Fill the store; what it has and the API server has not is dropped."""
        before = {
            key: entry.uid for key in self.store if self._is_ours(key) and (entry := self.store.get(key))
        }
        version = ""
        async with aclosing(self._pages()) as pages:
            async for page in pages:
                version = page["metadata"]["resourceVersion"]
                for count, item in enumerate(page["items"] or ()):
                    key = self._take(item)
                    if before.get(key) == item["metadata"]["uid"]:
                        del before[key]
                    if count % _YIELD_EVERY == 0:
                        await asyncio.sleep(0)
                self._well()
        for key, uid in before.items():
            self._lose(key, uid, int(version))
        return str(version)

    async def _pages(self) -> AsyncGenerator[dict[str, Any]]:
        """Give page after page; the next one is on its way while one is taken in."""
        following: asyncio.Task[bytes] | None = asyncio.create_task(self._page(""))
        try:
            while following is not None:
                page = orjson.loads(await following)
                token = page["metadata"].get("continue")
                following = asyncio.create_task(self._page(token)) if token else None
                yield page
        finally:
            if following is not None:
                following.cancel()

    async def _page(self, token: str) -> bytes:
        parameters = {"limit": str(_PAGE), **self._selecting, **({"continue": token} if token else {})}
        return await self._api.read(
            "GET", self._path, params=parameters, accept=self._accept("PartialObjectMetadataList")
        )

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
            self._accepted()
            opened = self.heard
            self._listening = True
            try:
                async for line in lines:
                    if line:
                        self._hear(orjson.loads(line))
            finally:
                self._listening = False
                if asyncio.get_running_loop().time() >= opened + _WORKED:
                    self._worked()

    def _hear(self, event: dict[str, Any]) -> None:
        found = event["object"]
        if event["type"] == "ERROR":
            raise ApiError(
                found.get("message", "the watch failed"),
                where=self._path,
                remedy="it is listed again",
                status=found.get("code", 0),
            )
        version = found["metadata"]["resourceVersion"]
        match event["type"]:
            case "ADDED" | "MODIFIED":
                self._take(found)
            case "DELETED":
                self._lose(key_of(found), found["metadata"]["uid"], int(version))
            case _:
                pass  # a bookmark
        self._version = version
        self._well()
        if not self._useful:
            self._worked()

    def _worked(self) -> None:
        """Take note that this watch was of use: the next may be opened at once."""
        self._useful = True
        self._pauses.reset()

    def _take(self, found: dict[str, Any]) -> Key:
        key = key_of(found)
        if self._keep is not None and not self._keep(key):
            return key
        if self._metadata_only:
            found = metadata_of(found)
        before, now = self.store.put(found)
        if now is not before:
            self._changed(key, before, now)
        return key

    def _lose(self, key: Key, uid: str, version: int) -> None:
        before = self.store.drop(key, uid, version)
        if before is not None:
            self._changed(key, before, None)

    def _accepted(self) -> None:
        """Take note that it may be listed, and was."""
        self._settle()
        is_new = bool(self.refused) or not self.synced.is_set()
        self.refused, self.is_no_more = "", False
        self.synced.set()
        if is_new:
            self.answered()

    def _refuse(self, why: str, *, is_no_more: bool) -> None:
        """Take note that it may not be, once that has lasted."""
        self.is_no_more |= is_no_more
        if not self.refused and self._settling is None:
            lasts = _LASTS if self.synced.is_set() else _AT_START
            self._settling = asyncio.get_running_loop().call_later(lasts, self._stays_refused, why)

    def _stays_refused(self, why: str) -> None:
        self._settling = None
        self.refused = why
        self.answered()

    def _settle(self) -> None:
        """Take note that it was not refused this time."""
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
            self.is_no_more = False

    async def _pause(self, seconds: float) -> None:
        self._hurried.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurried.wait()

    def _explained(self, error: ApiError) -> str:
        """Say what is wrong, and what to do."""
        remedy = error.remedy
        if error.status == _FORBIDDEN and self.namespace:
            remedy = (
                "let the operator list and watch there; or, if there is no namespace "
                f"{self.namespace} any more, have it look after that no longer"
            )
        return f"{error.what}; {remedy}" if remedy else error.what

    def _well(self) -> None:
        self.heard = self.tried = asyncio.get_running_loop().time()
        if self.trouble:
            self.trouble = ""
            _LOG.info("%s: heard again", self)

    def _ill(self, why: str, *, serious: bool = False) -> None:
        """Take note of what is wrong; log what is new, and now and then what lasts."""
        now = self.tried = asyncio.get_running_loop().time()
        self.trouble = why
        said, when = self._told
        if why != said or now >= when + _REMINDED_EVERY:
            self._told = (why, now)
            _LOG.log(logging.ERROR if serious else logging.WARNING, "%s: %s", self, why)

    def _is_ours(self, key: Key) -> bool:
        return not self.namespace or key.namespace == self.namespace

    def _accept(self, what: str) -> str:
        return _METADATA_ONLY.format(what=what) if self._metadata_only else "application/json"
