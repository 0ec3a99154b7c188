"""The scenarios: in each a restarter meets one load, and figures come out."""

import asyncio
import base64
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from loads.phases import settled
from loads.process import Process
from loads.work import at_once

from reloads.apps import CONFIG_MAPS, SECRETS, Shape
from reloads.rivals import Restarter
from reloads.stage import Figures, Stage

_PERIOD = 0.1
"""Between two changes of one writer."""
_ALONE = 100
_WRITERS = 10
_DOWN = 5.0
_HASHES = 12
_KIBI = 1024
_LATE = 3.0
"""A single change that nobody acts upon for so long is not waited for any more."""

Run = Callable[[Stage], Awaitable[Figures]]


@dataclass(frozen=True)
class Scenario:
    """A load, and what it needs to be there."""

    run: Run
    shape: Shape = Shape()  # noqa: RUF009 - frozen
    fill: Callable[[Stage], Awaitable[None]] | None = None
    """What there is besides, that takes long to make: it is made once, and all have their turn with it."""
    secrets: bool = False
    """Whether ours is granted Secrets, in all namespaces, and watches one."""


async def alone(stage: Stage) -> Figures:
    """Change after change, each when the last one's Pod is Ready."""
    operator = stage.start()
    try:
        await stage.warm_up(operator)
        count = len(stage.changes)
        pace = stage.duration / _ALONE
        for number in range(_ALONE):
            due = time.monotonic() + pace
            change = await stage.change(f"config-{number % stage.shape.configs}")
            if not await stage.until_ready(change, 30 + stage.who.calm):
                raise TimeoutError(f"{stage.who.name}: change {number} has no Ready Pod")
            await asyncio.sleep(max(0, due - time.monotonic()))
        await stage.calm()
    finally:
        operator.stop()
    changes = stage.changes[count:]
    return stage.latencies(changes) | stage.losses(changes)


async def burst(stage: Stage) -> Figures:
    """One writer, ten changes a second (S1); with large ConfigMaps S8."""
    return await _load(stage, writers=1)


async def storm(stage: Stage) -> Figures:
    """Ten writers, a hundred changes a second, fifty ConfigMaps (S7)."""
    return await _load(stage, writers=_WRITERS)


async def _load(stage: Stage, writers: int) -> Figures:
    operator = stage.start()
    try:
        await stage.warm_up(operator)
        await settled(operator)
        rest, cpu = operator.memory(), operator.cpu()
        forget_peak(operator)
        begun, count = time.monotonic(), len(stage.changes)

        async def one() -> None:
            await stage.change(stage.chance.choice(stage.shape.names))

        end = begun + stage.duration
        await asyncio.gather(*(stage.every(_PERIOD, end, one) for _ in range(writers)))
        changes = stage.changes[count:]
        pace = len(changes) / (time.monotonic() - begun)
        await stage.calm()
        await settled(operator)
        cpu = operator.cpu() - cpu
        highest = operator.memory("VmHWM")
    finally:
        operator.stop()
    return {
        **stage.latencies(changes),
        **stage.losses(changes),
        "after": stage.last_event(changes),
        "pace": pace,
        "cpu": cpu,
        "rest": rest,
        "highest": highest,
        "growth": highest - rest,
    }


async def fan(stage: Stage) -> Figures:
    """One ConfigMap that fifty Deployments use: until all reacted, until all are Ready (S2)."""
    operator = stage.start()
    try:
        await stage.warm_up(operator)
        count = len(stage.changes)
        reacted: list[float] = []
        right: list[float] = []
        for _ in range(max(1, round(stage.duration / 5))):
            change = await stage.change(stage.shape.names[0])
            await stage.until_reacted(change)
            reacted.append(time.monotonic() - change.at)
            await stage.until_ready(change)
            right.append(time.monotonic() - change.at)
            await stage.calm()
    finally:
        operator.stop()
    return {
        "all reacted": statistics.median(reacted),
        "all ready": statistics.median(right),
        **stage.losses(stage.changes[count:]),
    }


async def metadata(stage: Stage) -> Figures:
    """Annotations of ConfigMaps are changed, and no content (S4)."""
    operator = stage.start()
    try:
        await stage.warm_up(operator)
        begun = time.monotonic()

        async def one() -> None:
            body = {"metadata": {"annotations": {"bench/number": f"{time.monotonic_ns()}"}}}
            path = f"{CONFIG_MAPS}/{stage.chance.choice(stage.shape.names)}"
            await stage.where.api.request("PATCH", path, body, content_type="application/merge-patch+json")

        await stage.every(_PERIOD, begun + stage.duration, one)
        await asyncio.sleep(stage.who.calm)
        await stage.calm()
    finally:
        operator.stop()
    return {"restarts": stage.restarts(begun), "needless": stage.losses([])["needless"]}


async def killed(stage: Stage) -> Figures:
    """Killed in the burst, started again after five seconds; half the ConfigMaps change no more then (S6)."""
    operator = stage.start()
    try:
        await stage.warm_up(operator)
        names, count = stage.shape.names, len(stage.changes)

        async def one() -> None:
            await stage.change(stage.chance.choice(names))

        before = max(1.0, (stage.duration - _DOWN) / 2)
        await stage.every(_PERIOD, time.monotonic() + before, one)
        operator.kill()
        await stage.every(_PERIOD, time.monotonic() + _DOWN, one)
        operator = stage.start()
        names = names[: len(names) // 2]
        await stage.every(_PERIOD, time.monotonic() + before, one)
        changes = stage.changes[count:]
        await stage.warm_up(operator)
    finally:
        operator.stop()
    return stage.losses(changes)


async def unchanged(stage: Stage) -> Figures:
    """Some changes, then it is started again with nothing changed (R1)."""
    operator = stage.start()
    try:
        await stage.warm_up(operator)
        for config in stage.shape.names[:5]:
            await stage.until_ready(await stage.change(config), 30 + stage.who.calm)
        await stage.calm()
        operator.stop()
        begun = time.monotonic()
        operator = stage.start()
        await stage.warm_up(operator)
    finally:
        operator.stop()
    return {"restarts": stage.restarts(begun), "needless": stage.losses([])["needless"]}


async def down(stage: Stage) -> Figures:
    """Five changes while it is down (D1)."""
    operator = stage.start()
    try:
        await stage.warm_up(operator)
        operator.stop()
        changes = [await stage.change(config) for config in stage.shape.names[:5]]
        operator = stage.start()
        begun = time.monotonic()
        await stage.warm_up(operator)
    finally:
        operator.stop()
    return {**stage.losses(changes), "restarts": stage.restarts(begun)}


async def alike(stage: Stage) -> Figures:
    """Contents that differ, but not for whoever joins keys and values without care (H1)."""
    contents: list[dict[str, str | None]] = [{"a": "1", "b": "2"}, {"a": "1;b=2", "b": None}]
    config = stage.shape.names[0]
    await stage.change(config, {"message": None, **contents[1]})
    lost = 0
    operator = stage.start()
    try:
        await stage.warm_up(operator)
        count = len(stage.changes)
        for number in range(_HASHES):
            change = await stage.change(config, contents[number % 2])
            lost += not await stage.until_ready(change, _LATE + stage.who.calm)
        await stage.calm()
    finally:
        operator.stop()
    return {**stage.losses(stage.changes[count:]), "lost": lost}


async def idle(stage: Stage) -> Figures:
    """There is much that concerns nobody: memory, and processor time until it is steady (M1)."""
    operator = stage.start()
    try:
        begun = time.monotonic()
        await settled(operator, limit=120)
        steady, cpu = time.monotonic() - begun, operator.cpu()
        await stage.warm_up(operator)
        await settled(operator)
        before, begun = operator.cpu(), time.monotonic()
        await asyncio.sleep(max(5.0, stage.duration / 2))
        return {
            "memory": operator.memory(),
            "highest": operator.memory("VmHWM"),
            "cpu": cpu,
            "steady": steady,
            "idle cpu": 100 * (operator.cpu() - before) / (time.monotonic() - begun),
        }
    finally:
        operator.stop()


def filled(size: int) -> Callable[[Stage], Awaitable[None]]:
    """Return what makes 20,000 Secrets of a size, and 2,000 ConfigMaps; fewer in a short run."""

    async def fill(stage: Stage) -> None:
        share = min(1.0, stage.duration / 20)
        secret = base64.b64encode(b"x" * size).decode()
        config = "x" * size

        async def make(what: tuple[str, dict[str, object]]) -> None:
            await stage.where.api.request("POST", *what)

        secrets = [
            (SECRETS, {"metadata": {"name": f"secret-{n}"}, "data": {"key": secret}})
            for n in range(round(20_000 * share))
        ]
        configs = [
            (CONFIG_MAPS, {"metadata": {"name": f"idle-{n}"}, "data": {"key": config}})
            for n in range(round(2_000 * share))
        ]
        await at_once([*secrets, *configs], make)

    return fill


def forget_peak(process: Process) -> None:
    """Have the kernel count the highest memory of a process from now on."""
    Path(f"/proc/{process.popen.pid}/clear_refs").write_text("5")


def granted(who: Restarter) -> Restarter:
    """Return it with Secrets granted, where it is ours, and a Secret among what it watches."""
    if who.watcher is None:
        return who
    rival = replace(who.rival, environment={**who.rival.environment, "RUMPF_GRANT_SECRETS": "*"})
    return replace(who, rival=rival, watcher={**who.watcher, "secrets": [{"name": "secret-0"}]})


SCENARIOS = {
    "alone": Scenario(alone),
    "S1": Scenario(burst),
    "S2": Scenario(fan, Shape(configs=1, apps_each=50)),
    "S4": Scenario(metadata),
    "S6": Scenario(killed),
    "S7": Scenario(storm, Shape(configs=50)),
    "S8": Scenario(burst, Shape(ballast=200 * _KIBI)),
    "R1": Scenario(unchanged),
    "D1": Scenario(down),
    "H1": Scenario(alike, Shape(configs=1)),
    "M1": Scenario(idle, fill=filled(_KIBI), secrets=True),
    "M1-20": Scenario(idle, fill=filled(20 * _KIBI), secrets=True),
}
