"""What is seen of the Pods from outside, by two watches: when each began, left, and was Ready."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from loads.seen import Watched, following

from reloads.apps import APP, CONFIG, DEPLOYMENTS, PODS
from rumpf.api.client import Api


@dataclass
class Life:
    """One Pod. Revisions are the cluster's own: they tell for certain what came before what."""

    app: str
    config: str
    created: int
    started: int | None = None
    """When a container of it first ran: it has read the content of a revision before."""
    ready_at: float | None = None
    left: int | None = None
    """When it got its deletionTimestamp."""
    left_at: float | None = None


@dataclass(frozen=True)
class Edit:
    """A Deployment's template has changed."""

    revision: int
    at: float


@dataclass
class Seen(Watched):
    """All Pods that ever were, by uid."""

    lives: dict[str, Life] = field(default_factory=dict[str, Life])
    by_app: dict[str, list[Life]] = field(default_factory=dict[str, list[Life]])
    edits: dict[str, list[Edit]] = field(default_factory=dict[str, list[Edit]])
    """By application."""
    last_at: float = 0.0
    """When something last happened."""
    _templates: dict[str, Any] = field(default_factory=dict[str, Any])

    def of(self, app: str) -> list[Life]:
        """Return the Pods of an application."""
        return self.by_app.get(app, [])

    async def quiet(self, seconds: float, limit: float) -> bool:
        """Wait until nothing has happened for so long; False if that takes too long."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            since = time.monotonic() - self.last_at
            if since >= seconds:
                return True
            await asyncio.sleep(seconds - since)
        return False

    def pod(self, change: str, raw: dict[str, Any]) -> None:
        """Take what a watch says of a Pod."""
        metadata, now = raw["metadata"], time.monotonic()
        revision, labels = int(metadata["resourceVersion"]), metadata["labels"]
        life = self.lives.get(metadata["uid"])
        if life is None:
            life = Life(labels[APP], labels[CONFIG], revision)
            self.lives[metadata["uid"]] = life
            self.by_app.setdefault(life.app, []).append(life)
        if life.started is None and _runs(raw):
            life.started = revision
        if life.ready_at is None and _ready(raw):
            life.ready_at = now
        if life.left is None and (change == "DELETED" or "deletionTimestamp" in metadata):
            life.left, life.left_at = revision, now
        self._happened(now)

    def deployment(self, change: str, raw: dict[str, Any]) -> None:
        """Take what a watch says of a Deployment."""
        name, template = raw["metadata"]["name"], raw["spec"]["template"]
        if self._templates.setdefault(name, template) != template:
            self._templates[name] = template
            edit = Edit(int(raw["metadata"]["resourceVersion"]), time.monotonic())
            self.edits.setdefault(name, []).append(edit)
            self._happened(edit.at)

    def _happened(self, at: float) -> None:
        self.last_at = at
        self._changed.set()


def _runs(pod: dict[str, Any]) -> bool:
    return any(each["state"].get("running") for each in pod["status"].get("containerStatuses") or ())


def _ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


@asynccontextmanager
async def seeing(api: Api) -> AsyncIterator[Seen]:
    """Watch, from an empty namespace on, until the block ends."""
    seen = Seen()
    async with following(api, {PODS: seen.pod, DEPLOYMENTS: seen.deployment}):
        yield seen
