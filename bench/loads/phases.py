"""The phases: in each an operator meets one load in a cluster of its own, and figures come out."""

import asyncio
import math
import random
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from loads.audit import Audit, about_objects
from loads.converged import Leftovers, leftovers
from loads.place import Place, place
from loads.process import Process, cpu_of
from loads.rivals import Rival
from loads.seen import Seen, seeing
from loads.work import Work

Figures = dict[str, float]
NEVER = math.inf
_LIMIT = 300.0
_LEAST_LIMIT = 60.0
_WARM = 20
_STANDBY_WARMS_UP = 5.0
_CONVERGES_WITHIN = 90.0
_SEED = 4


@dataclass(frozen=True)
class Scene:
    """One rival in one cluster, and the load that it meets."""

    rival: Rival
    where: Place
    seen: Seen
    work: Work
    scale: float

    def count(self, full: int, least: int = 1) -> int:
        """Return how many there are in this run: fewer in a quick one."""
        return max(least, round(full * self.scale))

    def names(self, what: str, full: int) -> list[str]:
        """Return names of Messages to come."""
        return [f"{what}-{number}" for number in range(self.count(full))]

    @property
    def limit(self) -> float:
        """So many seconds anything may take."""
        return max(_LIMIT * self.scale, _LEAST_LIMIT)

    async def all_right(self, begun: float) -> float:
        """Return the seconds since `begun` when all are as they should be; NEVER if that takes too long."""
        right = await self.seen.until(lambda: len(self.seen.right) == len(self.seen.wanted), self.limit)
        return time.monotonic() - begun if right else NEVER

    async def one(self, name: str) -> float:
        """Create one and return the seconds until it is right."""
        begun = time.monotonic()
        await self.work.create_one(name)
        await self.seen.until_right(name)
        return time.monotonic() - begun

    async def warm_up(self, operator: Process) -> None:
        """Wait until the operator works, and have it work a little."""
        await self.work.create_one("warm")
        while not await self.seen.until(lambda: "warm" in self.seen.right, 1):
            if not operator.alive:
                raise TimeoutError(f"{self.rival.name} has ended")
        for number in range(_WARM):
            await self.one(f"warm-{number}")


async def settled(operator: Process, quiet: float = 0.03, limit: float = 30) -> None:
    """Wait until an operator has done what it does after the last object is right: Events, second looks."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        before = operator.cpu()
        await asyncio.sleep(1.5)
        if operator.cpu() - before <= quiet:
            return


async def burst(scene: Scene) -> Figures:
    """Creates one by one, creates all at once, patches."""
    operator = scene.rival.start(scene.where)
    try:
        await scene.warm_up(operator)
        alone = sorted([1000 * await scene.one(f"alone-{n}") for n in range(scene.count(300, 30))])
        await settled(operator)
        cpu, server = operator.cpu(), cpu_of(scene.where.server)
        own, begun = time.process_time(), time.monotonic()
        names = scene.names("burst", 1000)
        await scene.work.create(names)
        created = await scene.all_right(begun)
        share = (time.process_time() - own) / (time.monotonic() - begun)
        await settled(operator)
        cpu, server = operator.cpu() - cpu, cpu_of(scene.where.server) - server
        begun = time.monotonic()
        await scene.work.patch(names[: scene.count(500)], "second")
        patched = await scene.all_right(begun)
    finally:
        operator.stop()
    return {
        "alone p50": statistics.median(alone),
        "alone p99": alone[math.ceil(len(alone) * 0.99) - 1],
        "create 1000": created,
        "cpu": 1000 * cpu / len(names),
        "server cpu": 1000 * server / len(names),
        "patch 500": patched,
        "load": 100 * share,
    }


async def backlog(scene: Scene) -> Figures:
    """What was made while the operator was down."""
    names = scene.names("backlog", 1000)
    await scene.work.create(names)
    await asyncio.sleep(2)
    begun = time.monotonic()
    operator = scene.rival.start(scene.where)
    try:
        await scene.seen.until(lambda: bool(scene.seen.right), scene.limit)
        first = time.monotonic() - begun
        done = await scene.all_right(begun)
    finally:
        operator.stop()
    return {"backlog": len(names) / done, "backlog first": first, "backlog then": len(names) / (done - first)}


async def many(scene: Scene) -> Figures:
    """Five thousand: their making, doing nothing, a restart."""
    operator = scene.rival.start(scene.where)
    try:
        await scene.warm_up(operator)
        cpu, begun = operator.cpu(), time.monotonic()
        names = scene.names("many", 5000)
        await scene.work.create(names)
        figures = {"create 5000": await scene.all_right(begun)}
        await settled(operator)
        figures["cpu 5000"] = 1000 * (operator.cpu() - cpu) / len(names)
        figures["memory highest"] = operator.memory("VmHWM")
        await asyncio.sleep(10 * scene.scale)
        cpu, begun = operator.cpu(), time.monotonic()
        await asyncio.sleep(max(60 * scene.scale, 10))
        figures["idle cpu"] = 100 * (operator.cpu() - cpu) / (time.monotonic() - begun)
        figures["idle memory"] = operator.memory()
        operator.stop()
        await scene.work.create_one("fresh")
        begun = time.monotonic()
        operator = scene.rival.start(scene.where)
        await scene.seen.until_right("fresh")
        figures["restart"] = time.monotonic() - begun
        await settled(operator)
        figures["restart memory highest"] = operator.memory("VmHWM")
        figures["restart memory"] = operator.memory()
    finally:
        operator.stop()
    return figures


async def requests(scene: Scene) -> Figures:
    """How many requests the operator makes; apart from the rest, because being recorded costs time."""
    operator = scene.rival.start(scene.where)
    try:
        await scene.warm_up(operator)
        names = scene.names("counted", 300)
        alone = scene.names("alone", 50)

        async def one_by_one() -> None:
            for name in alone:
                await scene.one(name)

        async def counted(work: Callable[[], Awaitable[None]], count: int = len(names)) -> float:
            await settled(operator)
            audit = Audit.now(scene.where.audit)
            await work()
            await scene.all_right(time.monotonic())
            await settled(operator)
            asked = audit.requests()
            print(f"    {scene.rival.name}: {dict(asked.most_common())}")
            return about_objects(asked) / count

        figures = {
            "requests create": await counted(lambda: scene.work.create(names)),
            "requests patch": await counted(lambda: scene.work.patch(names, "second")),
            "requests alone": await counted(one_by_one, len(alone)),
        }
        operator.stop()
        audit = Audit.now(scene.where.audit)
        operator = scene.rival.start(scene.where)
        await asyncio.sleep(5)
        await settled(operator)
        figures["requests restart"] = about_objects(audit.requests())
    finally:
        operator.stop()
    return figures


async def failover(scene: Scene) -> Figures:
    """The leader is killed; the standby's first Message."""
    if not scene.rival.standby:
        return {}
    taken: list[float] = []
    leader = scene.rival.start(scene.where, number=0, elect=True)
    standby = leader
    try:
        await scene.warm_up(leader)
        for number in range(1, 1 + scene.count(3)):
            standby = scene.rival.start(scene.where, number=number, elect=True)
            await asyncio.sleep(_STANDBY_WARMS_UP + random.Random(_SEED + number).random())  # noqa: S311
            leader.kill()
            taken.append(await scene.one(f"after-{number}"))
            leader = standby
    finally:
        leader.stop()
        standby.stop()
    return {"failover": statistics.median(taken), "failover worst": max(taken)}


async def kills(scene: Scene) -> Figures:
    """Killed again and again amid creates, patches and deletes; then left alone."""
    chance = random.Random(_SEED)  # noqa: S311 - the same moments for every rival
    operator = scene.rival.start(scene.where)
    try:
        await scene.warm_up(operator)
        older = scene.names("older", 400)
        await scene.work.create(older)
        await scene.all_right(time.monotonic())
        for number in range(scene.count(12, 2)):
            mine, older = older[:30], older[30:]
            load = asyncio.gather(
                scene.work.create(fresh := [f"kill-{number}-{each}" for each in range(50)]),
                scene.work.patch(mine[:20], f"patch-{number}"),
                scene.work.delete(mine[20:]),
            )
            events = scene.seen.pod_events
            await scene.seen.until(lambda events=events: scene.seen.pod_events > events, 5)  # type: ignore[misc]
            await asyncio.sleep(chance.random() * 0.4)
            operator.kill()
            operator = scene.rival.start(scene.where)
            await load
            older += [*mine[:20], *fresh]
        begun = time.monotonic()
        left = await leftovers(scene.work.api)
        while left != Leftovers() and time.monotonic() - begun < _CONVERGES_WITHIN * max(scene.scale, 0.3):
            await asyncio.sleep(0.5)
            left = await leftovers(scene.work.api)
        took = time.monotonic() - begun if left == Leftovers() else NEVER
    finally:
        operator.stop()
    return {"wrong": left.wrong, "orphans": left.orphans, "stuck": left.stuck, "converged": took}


PHASES: dict[str, Callable[[Scene], Awaitable[Figures]]] = {
    "burst": burst,
    "backlog": backlog,
    "many": many,
    "requests": requests,
    "failover": failover,
    "kills": kills,
}


@asynccontextmanager
async def scene(phase: str, rival: Rival, name: str, scale: float) -> AsyncIterator[Scene]:
    """Set a phase's scene for a rival."""
    async with place(name, audit=phase == "requests") as where, seeing(where.api) as seen:
        yield Scene(rival, where, seen, Work(where.api, seen), scale)
