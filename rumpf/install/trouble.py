"""What keeps a Pod from running, as its status, its log and its Events tell it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from rumpf.api import Api
from rumpf.errors import ApiError
from rumpf.install.asking import Json, listed
from rumpf.install.kinds import EVENT, POD
from rumpf.manifests.reading import part, parts

_LINES = 20
_SHOWN = 5
_BY_IMAGE = {
    "ErrImagePull",
    "ErrImageNeverPull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RegistryUnavailable",
}
_LASTING = {
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "ErrImageNeverPull",
    "ImagePullBackOff",
    "InvalidImageName",
    "Restarted",
}
"""What was tried more than once, or will never be otherwise."""
_OFTEN = 2
_PASSING = {"ContainerCreating", "PodInitializing"}


@dataclass(frozen=True)
class Trouble:
    """Why one Pod does not run."""

    pod: str
    reason: str
    message: str
    image: str = ""
    crashed: bool = False

    @property
    def lasting(self) -> bool:
        """Whether waiting is of no use."""
        return self.reason in _LASTING

    @property
    def remedy(self) -> str:
        """What a person can do about it."""
        if self.reason in _BY_IMAGE:
            return (
                f"can the nodes have {self.image}? Push it to a registry that they reach, or name another "
                "with --image; made here: rumpf image build operators, then rumpf cluster load, "
                "kind load image-archive or the like"
            )
        if self.crashed:
            return "mend what its log tells of, and install it again"
        return "mend what it tells of; installing again changes only what differs"

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}" if self.message else self.reason


def trouble_of(pod: Mapping[str, Any]) -> Trouble | None:
    """Return what keeps a Pod from running; None if nothing is known of that."""
    name = str(pod["metadata"]["name"])
    for each in parts(pod, "status", "containerStatuses"):
        waiting = part(each, "state", "waiting")
        last = part(each, "lastState", "terminated")
        reason = str(waiting.get("reason") or "")
        if reason and reason not in _PASSING:
            message = str(waiting.get("message") or "")
            if last:
                message = f"exit code {last.get('exitCode')} {last.get('reason', '')}".strip()
            return Trouble(name, reason, message, str(each.get("image", "")), crashed=bool(last))
        if last and not each.get("ready") and (count := each.get("restartCount", 0)) >= _OFTEN:
            message = f"{count} times, the last one with exit code {last.get('exitCode')}"
            return Trouble(name, "Restarted", message, crashed=True)
    for each in parts(pod, "status", "conditions"):
        if each["type"] == "PodScheduled" and each["status"] == "False":
            return Trouble(name, str(each.get("reason", "")), str(each.get("message", "")))
    return None


async def last_words(api: Api, namespace: str, trouble: Trouble) -> list[str]:
    """Return what is known of a Pod in trouble: warnings about it, and the end of its log if it crashed."""
    words = [each async for each in warnings(api, namespace, trouble.pod)]
    if not trouble.crashed:
        return words
    path = POD.path(namespace, trouble.pod, "log")
    for previous in ("true", "false"):
        try:
            text = await api.read("GET", path, params={"tailLines": str(_LINES), "previous": previous})
        except ApiError:
            continue
        return words + [f"| {line}" for line in text.decode(errors="replace").splitlines()]
    return words


async def warnings(api: Api, namespace: str, prefix: str) -> AsyncIterator[str]:
    """Yield the last warnings about an operator's own objects in its namespace."""
    found = [
        each
        async for each in listed(api, EVENT, namespace, fields="type=Warning")
        if str(each["involvedObject"].get("name", "")).startswith(prefix)
    ]
    for each in sorted(found, key=when)[-_SHOWN:]:
        about = each["involvedObject"]
        said = str(each.get("message") or "").strip()
        yield f"{about.get('kind')} {about.get('name')}: {each.get('reason')}: {said}"


def when(event: Json) -> str:
    """Return when an Event happened last, in a form that sorts."""
    series = part(event, "series")
    return str(
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"]["creationTimestamp"]
    )
