"""Which Pods were there when a source was written, where times of whole seconds cannot tell."""

import asyncio
from urllib.parse import urlencode

from operators.configwatcher.course import News, in_order
from operators.configwatcher.targets import Target, Targets
from rumpf import Pod, World
from rumpf.errors import ApiError

_AT_ONCE = 16
_AWAY = {0, 429, 500, 502, 503}
"""An API server that will answer later. Any other refusal is an answer: it keeps no history, or not for so
long, counts versions in another way, or does not tell."""


async def newer(news: News, targets: Targets, world: World) -> frozenset[str]:
    """Return the uids of Pods that were created after the change, though their times do not tell.

    The API server is asked for each of them as it was at the version of the change: what was not there then
    has read what is there now. Not asked for Pods that have not changed since: they were there. One at a
    time, as it would look through all Pods of the namespace for several.
    """
    doubtful = [
        each
        for each in targets.staying
        if each.may_have_come_after(news.changed_at) and in_order(each.version) > in_order(news.version) > 0
    ]
    slots = asyncio.Semaphore(_AT_ONCE)

    async def was_there(target: Target) -> bool:
        async with slots:
            return await _was_there(target, news.version, world)

    there = await asyncio.gather(*map(was_there, doubtful))
    return frozenset(each.uid for each, was in zip(doubtful, there, strict=True) if not was)


async def _was_there(target: Target, version: str, world: World) -> bool:
    """Whether a Pod was there at a version; also if nobody can tell."""
    exactly = {
        "fieldSelector": f"metadata.name={target.name}",
        "resourceVersion": version,
        "resourceVersionMatch": "Exact",
    }
    try:
        then = await world.request("GET", f"{Pod.kind.path(world.namespace)}?{urlencode(exactly)}")
    except ApiError as error:
        if error.status in _AWAY:
            raise
        return True
    if then["metadata"].get("resourceVersion") != version:
        return True
    return any(each["metadata"]["uid"] == target.uid for each in then["items"])
