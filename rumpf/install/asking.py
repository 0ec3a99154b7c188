"""Asks the API server on a person's behalf: patient where that helps, and clear where it does not."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, TypeVar

from rumpf.api import Api
from rumpf.errors import ApiError, InstallError
from rumpf.kinds import Kind
from rumpf.manifests.reading import part, parts, words

T = TypeVar("T")
Json = dict[str, Any]

FORBIDDEN, NOT_FOUND, CONFLICT = 403, 404, 409
_BUSY = frozenset({429, 500, 502, 503, 504})
_TRIES = 5
_FIRST_PAUSE = 0.2
_PAGE = "500"


@dataclass(frozen=True)
class Deadline:
    """When patience ends."""

    seconds: float
    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """Return the deadline that is so many seconds from now."""
        return cls(seconds, time.monotonic() + seconds)

    @property
    def passed(self) -> bool:
        """Whether it is over."""
        return time.monotonic() >= self.at

    async def poll(self, done: Callable[[], Awaitable[T | None]], every: float = 0.2) -> T | None:
        """Ask until there is an answer; None if there was none in time."""
        while True:
            answer = await done()
            if answer is not None or self.passed:
                return answer
            await asyncio.sleep(every)


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again, with growing pauses, where the API server is only busy."""
    for attempt in range(_TRIES):
        try:
            return await ask()
        except ApiError as error:
            if error.status not in _BUSY or attempt == _TRIES - 1:
                raise
            await asyncio.sleep(error.retry_after or _FIRST_PAUSE * 2**attempt)
    raise AssertionError("the last attempt returns or raises")


async def read(api: Api, kind: Kind, namespace: str, name: str) -> Json | None:
    """Return an object; None if it is not there."""
    try:
        return await patiently(lambda: api.request("GET", kind.path(namespace, name)))
    except ApiError as error:
        if error.status == NOT_FOUND:
            return None
        raise


async def listed(
    api: Api, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = ""
) -> AsyncIterator[Json]:
    """Yield all objects of a kind, page by page; none where the API server does not know the kind."""
    params = {"limit": _PAGE} | ({"labelSelector": labels} if labels else {})
    params |= {"fieldSelector": fields} if fields else {}
    while True:
        try:
            page = await patiently(partial(api.request, "GET", kind.path(namespace), params=params))
        except ApiError as error:
            if error.status == NOT_FOUND:
                return
            raise
        for item in parts(page, "items"):
            yield {"apiVersion": kind.api_version, "kind": kind.kind, **item}
        onward = part(page, "metadata").get("continue")
        if not onward:
            return
        params = {**params, "continue": str(onward)}


async def delete(
    api: Api, kind: Kind, namespace: str, name: str, *, uid: str = "", in_order: bool = False
) -> None:
    """Delete an object, if it is there, and is the one meant; `in_order`: after what it owns."""
    body: Json = {"propagationPolicy": "Foreground" if in_order else "Background"}
    if uid:
        body["preconditions"] = {"uid": uid}
    try:
        await patiently(lambda: api.request("DELETE", kind.path(namespace, name), body))
    except ApiError as error:
        if error.status not in {NOT_FOUND, CONFLICT}:
            raise


def refusal(error: ApiError, what: str, done: str = "cannot be applied") -> ApiError | InstallError:
    """Say which object was refused; what concerns no object stays what it is."""
    if error.status in {0, 401} or error.status in _BUSY:
        return error
    remedy = error.remedy
    if error.status == FORBIDDEN:
        remedy = "ask as somebody who may: CRDs and ClusterRoles are an administrator's"
    return InstallError(f"it {done}: {error.what}", where=what, remedy=remedy)


def held(found: Json) -> str:
    """Return what keeps an object from going, in its own words, to be put after what is said of it."""
    said = [
        str(each["message"])
        for each in parts(found, "status", "conditions")
        if each.get("status") == "True" and each.get("type", "").endswith("Remaining")
    ]
    finalizers = words(found, "metadata", "finalizers")
    return f": {' '.join(said) or ', '.join(finalizers)}" if said or finalizers else ""
