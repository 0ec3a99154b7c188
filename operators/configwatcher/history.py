"""Which Pods were there when a source was written, where times of whole seconds cannot tell."""

from urllib.parse import urlencode

from operators.configwatcher.course import News, in_order
from operators.configwatcher.targets import Targets
from rumpf import Pod, World
from rumpf.errors import ApiError

_NOT_TOLD = {400, 410, 422, 504}
"""An API server that keeps no history, or not for so long, or counts versions in another way."""


async def newer(news: News, targets: Targets, labels: str, world: World) -> frozenset[str]:
    """Return the uids of Pods that were created after the change, though in the same second.

    The API server is asked for the Pods as they were at the version of the change: what was not there then
    has read what is there now. Not asked for Pods that have not changed since: they were there.
    """
    doubtful = {
        each.uid
        for each in targets.staying
        if each.created == news.changed_at and in_order(each.version) > in_order(news.version) > 0
    }
    if not doubtful:
        return frozenset()
    exactly = {"labelSelector": labels, "resourceVersion": news.version, "resourceVersionMatch": "Exact"}
    try:
        then = await world.request("GET", f"{Pod.kind.path(world.namespace)}?{urlencode(exactly)}")
    except ApiError as error:
        if error.status in _NOT_TOLD:
            return frozenset()
        raise
    if then["metadata"].get("resourceVersion") != news.version:
        return frozenset()
    return frozenset(doubtful - {each["metadata"]["uid"] for each in then["items"]})
