"""One thing that happened to an object, once or several times: the Event that says so."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from rumpf.kinds import Kind
from rumpf.resource import ObjectMeta

if TYPE_CHECKING:
    import asyncio

EVENT = Kind("events.k8s.io", "v1", "Event", "events")

EventType = Literal["Normal", "Warning"]
Json = dict[str, Any]

_LONGEST_NOTE = 1024
_LONGEST_WORD = 128
_LONGEST_NAME = 253
_OF_THE_CLUSTER = "default"
"""Where Events of objects without a namespace are kept."""


@dataclass(frozen=True)
class Author:
    """Who says it."""

    controller: str
    instance: str


class Series:
    """The same thing happening to the same object; once, mostly."""

    __slots__ = (
        *("count", "key", "last_noted", "name", "namespace"),
        *("queued", "queued_at", "timer", "told", "told_at"),
        *("_first", "_kind", "_last", "_object"),
    )

    def __init__(self, key: tuple[str, ...], kind: Kind, metadata: ObjectMeta, now: float) -> None:
        self.key = key
        """The object's uid, then type, reason, message and action."""
        self.count = 1
        self.last_noted = now
        self.told = 0
        """The count that the API server has; 0 if it knows nothing of it."""
        self.told_at = now
        self.queued = False
        self.queued_at = now
        self.timer: asyncio.TimerHandle | None = None
        self.namespace = metadata.namespace or _OF_THE_CLUSTER
        mark = uuid.uuid4().hex[:16]
        self.name = f"{metadata.name[: _LONGEST_NAME - len(mark) - 1].rstrip('-.')}.{mark}"
        self._kind = kind
        self._object = (metadata.namespace, metadata.name, metadata.uid)
        self._first = self._last = datetime.now(UTC)

    def again(self, now: float) -> None:
        """Take note that it happened again."""
        self.count += 1
        self.last_noted = now
        self._last = datetime.now(UTC)

    def event(self, author: Author) -> Json:
        """Return the Event to create. Its times are those of what happened, whenever it is told."""
        _, event_type, reason, message, action = self.key
        namespace, name, uid = self._object
        regarding = {
            "apiVersion": self._kind.api_version,
            "kind": self._kind.kind,
            "namespace": namespace,
            "name": name,
            "uid": uid,
        }
        made = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {"name": self.name, "namespace": self.namespace},
            "eventTime": _timestamp(self._first),
            "reportingController": author.controller,
            "reportingInstance": author.instance[:_LONGEST_WORD],
            "regarding": {key: value for key, value in regarding.items() if value},
            "type": event_type,
            "reason": reason[:_LONGEST_WORD],
            "action": action[:_LONGEST_WORD],
            "note": _cut(message),
        }
        return made | self.progress() if self.count > 1 else made

    def progress(self) -> Json:
        """Return what says how often it has happened."""
        return {"series": {"count": self.count, "lastObservedTime": _timestamp(self._last)}}


def _cut(message: str) -> str:
    """Shorten to what the API takes, which counts bytes."""
    encoded = message.encode(errors="replace")
    if len(encoded) <= _LONGEST_NOTE:
        return encoded.decode()
    return encoded[: _LONGEST_NOTE - 3].decode(errors="ignore") + "…"


def _timestamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
