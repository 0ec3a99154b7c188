"""The stage of a scenario: a cluster with the applications in it, who restarts them, and what was changed."""

import asyncio
import itertools
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from loads.place import ROOT, Place, place
from loads.process import Process
from loads.work import at_once

from reloads.apps import CONFIG_MAPS, WARM, Shape
from reloads.rivals import Restarter
from reloads.seen import Seen, seeing
from reloads.verdict import (
    Change,
    acted,
    is_doubtful,
    is_lost,
    is_needless,
    is_older,
    quantile,
    reaction,
    ready,
)
from rumpf.api.client import MERGE

Figures = dict[str, float]
_CRD = ROOT / "operators/configwatcher/k8s/crd.yaml"
_LIMIT = 300.0
_STARTS_WITHIN = 90.0
_SEED = 5


@dataclass
class Stage:
    """One restarter, in one cluster."""

    who: Restarter
    where: Place
    seen: Seen
    shape: Shape
    duration: float
    changes: list[Change] = field(default_factory=list[Change])
    chance: random.Random = field(default_factory=lambda: random.Random(_SEED))  # noqa: S311 - the same for all
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def start(self) -> Process:
        """Start the restarter."""
        return self.who.rival.start(self.where)

    async def change(self, config: str, data: Mapping[str, str | None] | None = None) -> Change:
        """Change a ConfigMap's content; return when the API server has answered."""
        body = {"data": data or {"message": f"number {next(self._numbers)}"}}
        answer = await self.where.api.request("PATCH", f"{CONFIG_MAPS}/{config}", body, content_type=MERGE)
        made = Change(config, int(answer["metadata"]["resourceVersion"]), time.monotonic())
        self.changes.append(made)
        return made

    async def every(self, period: float, until: float, do: Callable[[], Awaitable[object]]) -> None:
        """Do something at a steady pace until a moment; time that is lost is not made up for."""
        due = time.monotonic()
        while due < until:
            await do()
            due = max(due + period, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    async def warm_up(self, operator: Process) -> None:
        """Wait until it works: it restarts what is for that."""
        begun, patience = time.monotonic(), self.who.calm
        while time.monotonic() - begun < _STARTS_WITHIN and operator.alive:
            change = await self.change(WARM)
            if await self.until_reacted(change, patience):
                await self.until_ready(change)
                await self.calm()
                return
            patience *= 1.5
        raise TimeoutError(f"{self.who.name} restarts nothing")

    async def until_reacted(self, change: Change, limit: float = _LIMIT) -> bool:
        """Wait until no Pod that is older than a change is there, of any application that it concerns."""
        pods = [self.seen.of(app) for app in self.shape.apps[change.config]]

        def all_left() -> bool:
            return not any(pod.left is None and is_older(pod, change) for each in pods for pod in each)

        return await self.seen.until(all_left, limit)

    async def until_ready(self, change: Change, limit: float = _LIMIT) -> bool:
        """Wait until all that a change concerns has a Ready Pod that knows of it, and none that does not."""
        apps = self.shape.apps[change.config]
        return await self.seen.until(lambda: all(self._knows(app, change) for app in apps), limit)

    async def calm(self, limit: float = _LIMIT) -> bool:
        """Wait until nothing more is to come."""
        return await self.seen.quiet(self.who.calm, limit)

    def _knows(self, app: str, change: Change) -> bool:
        there = [pod for pod in self.seen.of(app) if pod.left is None]
        return bool(there) and all(pod.ready_at and not is_older(pod, change) for pod in there)

    def restarts(self, begun: float = 0.0) -> int:
        """Return how many Pods left since a moment, but those for warming up."""
        lives = self.seen.lives.values()
        return sum(1 for pod in lives if pod.config != WARM and pod.left_at and pod.left_at >= begun)

    def latencies(self, changes: Sequence[Change]) -> Figures:
        """Return how soon changes were acted upon, in milliseconds."""
        measured: dict[str, list[float]] = {"acted": [], "reaction": [], "ready": []}
        for change in changes:
            for app in self.shape.apps[change.config]:
                pods, edits = self.seen.of(app), self.seen.edits.get(app, [])
                if (left := reaction(change, pods)) is not None:
                    measured["reaction"].append(left)
                    measured["acted"].append(acted(change, pods, edits) or 0.0)
                measured["ready"].append(ready(change, pods))
        return {
            f"{what} {name}": 1000 * quantile(values, share)
            for what, values in measured.items()
            for name, share in (("p50", 0.5), ("p99", 0.99))
        }

    def losses(self, changes: Sequence[Change]) -> Figures:
        """Return what went wrong since all began, and how many restarts that took."""
        pairs = [(change, self.seen.of(app)) for change in changes for app in self.shape.apps[change.config]]
        lives = list(self.seen.lives.values())
        return {
            "changes": len(changes),
            "lost": sum(is_lost(change, pods) for change, pods in pairs),
            "doubtful": sum(is_doubtful(change, pods) for change, pods in pairs),
            "restarts": self.restarts(min((each.at for each in changes), default=0.0)),
            "needless": sum(is_needless(pod, self.changes) for pod in lives),
        }

    def last_event(self, changes: Sequence[Change]) -> float:
        """Return how long after the last change the last Pod left or was Ready."""
        moments = [
            moment or 0.0 for pod in self.seen.lives.values() for moment in (pod.left_at, pod.ready_at)
        ]
        return max(0.0, max(moments) - changes[-1].at) if changes else math.nan


@asynccontextmanager
async def stage(who: Restarter, name: str, shape: Shape, duration: float) -> AsyncIterator[Stage]:
    """Set the stage: all there is to be, and every application Ready."""
    async with (
        place(name, crd=_CRD, kwok_ends_pods=True) as where,
        seeing(where.api) as seen,
    ):

        async def make(what: tuple[str, dict[str, object]]) -> None:
            await where.api.request("POST", *what)

        await at_once(list(shape.manifests(who.watcher)), make)
        apps = {app for each in shape.apps.values() for app in each}

        def all_ready() -> bool:
            return {pod.app for pod in seen.lives.values() if pod.ready_at} == apps

        if not await seen.until(all_ready, _LIMIT):
            raise TimeoutError("the applications do not become Ready")
        await seen.quiet(1.0, _LIMIT)
        yield Stage(who, where, seen, shape, duration)
