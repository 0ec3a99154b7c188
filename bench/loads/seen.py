"""What the load generator sees of Messages and Pods: two watches, and who is as it should be.

It also ends Pods, as a kubelet does: exactly the one that is to go. kwok's own stage for that names no uid,
and takes away the Pod that has the name by then, again and again where the machine is slow.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from loads.place import NAMESPACE
from rumpf.api.client import Api
from rumpf.errors import ApiError

MESSAGES = f"/apis/myorg.dev/v1/namespaces/{NAMESPACE}/messages"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
Take = Callable[[str, dict[str, Any]], None]
"""Told of a change: its type, and the object."""
_HOUR = "3600"


@dataclass
class Watched:
    """What watches tell, and whoever waits for it."""

    _changed: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def until(self, so: Callable[[], bool], limit: float) -> bool:
        """Wait until something is so; False if that takes too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                while not so():
                    self._changed.clear()
                    await self._changed.wait()
        return so()


@dataclass
class Seen(Watched):
    """Who is right: Processed, with a Pod that is not going and has the text that was asked for last."""

    wanted: dict[str, str] = field(default_factory=dict[str, str])
    """The text that was asked for last, by name: said by whoever asks, before it asks."""
    right: set[str] = field(default_factory=set[str])
    pod_events: int = 0
    """Pods made or gone: a sign that an operator is at work."""
    end: Callable[[str, str], Awaitable[None]] | None = None
    """What a kubelet does with a Pod that is to go; told its name and its uid."""
    _ending: dict[str, "asyncio.Task[None]"] = field(default_factory=dict[str, "asyncio.Task[None]"])
    _processed: set[str] = field(default_factory=set[str])
    _printing: dict[str, str] = field(default_factory=dict[str, str])
    _waiting: dict[str, "asyncio.Future[None]"] = field(default_factory=dict[str, "asyncio.Future[None]"])

    async def until_right(self, name: str, limit: float = 60) -> None:
        """Wait until one is right."""
        if name in self.right:
            return
        self._waiting[name] = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(limit):
            await self._waiting[name]

    def ask(self, name: str, text: str) -> None:
        """Note that a text is about to be asked for."""
        self.wanted[name] = text
        self._judge(name)

    def forget(self, name: str) -> None:
        """Note that one is about to be deleted."""
        self.wanted.pop(name, None)
        self._judge(name)

    def message(self, change: str, raw: dict[str, Any]) -> None:
        """Take what a watch says of a Message."""
        name = raw["metadata"]["name"]
        if change != "DELETED" and raw.get("status", {}).get("phase") == "Processed":
            self._processed.add(name)
        else:
            self._processed.discard(name)
        self._judge(name)

    def pod(self, change: str, raw: dict[str, Any]) -> None:
        """Take what a watch says of a Pod."""
        self.pod_events += change != "MODIFIED"
        name = raw["metadata"]["name"].removeprefix("msg-")
        if change == "DELETED" or "deletionTimestamp" in raw["metadata"]:
            self._printing.pop(name, None)
            if change != "DELETED":
                self._end(raw["metadata"])
        else:
            self._printing[name] = text_of(raw)
        self._judge(name)

    def _end(self, metadata: dict[str, Any]) -> None:
        if self.end and metadata["uid"] not in self._ending:
            ending = asyncio.ensure_future(self.end(metadata["name"], metadata["uid"]))
            self._ending[metadata["uid"]] = ending

    def _judge(self, name: str) -> None:
        text = self.wanted.get(name)
        if text is not None and name in self._processed and self._printing.get(name) == text:
            self.right.add(name)
            if waiting := self._waiting.pop(name, None):
                waiting.set_result(None)
        else:
            self.right.discard(name)
        self._changed.set()


def text_of(pod: dict[str, Any]) -> str:
    """Return the text that a Pod prints."""
    return str(pod["spec"]["containers"][0]["env"][0]["value"])


@asynccontextmanager
async def seeing(api: Api) -> AsyncIterator[Seen]:
    """Watch, from an empty namespace on, until the block ends."""

    async def end(name: str, uid: str) -> None:
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
        with contextlib.suppress(ApiError):  # it is gone already
            await api.request("DELETE", f"{PODS}/{name}", body)

    seen = Seen(end=end)
    async with following(api, {MESSAGES: seen.message, PODS: seen.pod}):
        yield seen


@asynccontextmanager
async def following(api: Api, takers: Mapping[str, Take]) -> AsyncIterator[None]:
    """Tell of every change at some paths until the block ends; a watch that failed is an error then."""
    tasks = [asyncio.create_task(follow(api, path, take)) for path, take in takers.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome


async def follow(api: Api, path: str, take: Take) -> None:
    """Tell of every change of what is at a path, from now on."""
    params = {"watch": "true", "timeoutSeconds": _HOUR}
    while True:  # the API server ends the watches of a CRD that is quite new
        async with api.stream(path, params, silence=float(_HOUR)) as lines:
            async for line in lines:
                event = orjson.loads(line)
                take(event["type"], event["object"])
