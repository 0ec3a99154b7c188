"""When a status is written that will be out of date in a moment, and who waits for whom."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rumpf import Pod, World
from tests.unit.runtime.clockwork import clock, run
from tests.unit.runtime.cluster import Cluster, Json
from tests.unit.runtime.operating import (
    GADGET,
    POD,
    Gadget,
    GadgetStatus,
    Operating,
    calm,
    mirror,
    operating,
    pod,
    until,
)

READY: Json = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
NO_IMAGE: Json = {"status": {"containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull"}}}]}}


async def have_pod(gadget: Gadget, world: World) -> GadgetStatus:
    """Have a Pod with the image that the Gadget asks for; keep a worker for ever where that is the wish."""
    if gadget.name == "slow":
        await asyncio.sleep(3600)
    made = await world.ensure(Pod, pod(gadget.name, image=gadget.spec.text))
    status = GadgetStatus(phase=gadget.spec.text)
    if made.ready:
        return status.ready("Runs")
    return status.not_ready(*(made.trouble or ("PodStarting", "it starts")))


@asynccontextmanager
async def one_that_runs() -> AsyncIterator[Operating]:
    """Have a Gadget that is ready, and nothing else to do."""
    cluster = Cluster()
    async with operating(have_pod, cluster) as it:
        cluster.create(GADGET, "one", spec={"text": "first"})
        await until(lambda: cluster.get(POD, "one"), "it has a Pod", 1)
        cluster.change(POD, "one", READY)
        await until(lambda: it.ready().get("status") == "True", "it is ready", 1)
        await calm()
        it.writes()
        yield it


async def replace(it: Operating, goes_within: float) -> None:
    """Ask for another Pod; the old one takes its time to go."""
    before = it.cluster.change(POD, "one", {"metadata": {"finalizers": ["a/b"]}})["metadata"]["uid"]
    it.cluster.change(GADGET, "one", {"spec": {"text": "second"}})
    await asyncio.sleep(goes_within)
    it.cluster.change(POD, "one", {"metadata": {"finalizers": None}})

    def made() -> bool:
        now = it.cluster.get(POD, "one")
        return now is not None and now["metadata"]["uid"] != before

    await until(made, "there is another", 1)


def test_a_replacement_is_told_when_it_is_over_and_by_one_write() -> None:
    async def main() -> None:
        async with one_that_runs() as it:
            await replace(it, goes_within=4)
            await asyncio.sleep(0.8)
            assert it.ready()["status"] == "True", "of the Pod before: it is known to be behind"
            it.cluster.change(POD, "one", READY)
            await until(lambda: it.gadget()["status"]["phase"] == "second", "it tells", 1)
            await calm()
            assert it.writes() == ["DELETE", "POST", "PATCH"]

    run(main())


def test_a_replacement_that_lasts_is_told() -> None:
    async def main() -> None:
        async with one_that_runs() as it:
            begun = clock().time()
            asking = asyncio.create_task(replace(it, goes_within=60))
            await until(lambda: it.ready()["reason"] == "Replacing", "it tells", 10)
            assert clock().time() - begun > 4
            await asking

    run(main())


def test_what_is_replaced_though_nobody_asked_is_told_soon() -> None:
    async def main() -> None:
        async with one_that_runs() as it:
            it.cluster.change(POD, "one", {"metadata": {"finalizers": ["a/b"]}})
            it.cluster.delete(POD, "one")
            # Its generation does not tell that it is behind: `kubectl wait` would believe it.
            await until(lambda: it.ready()["reason"] == "Replacing", "it tells", 1.1)
            it.cluster.change(POD, "one", {"metadata": {"finalizers": None}})
            await until(lambda: it.ready()["reason"] == "PodStarting", "it tells", 1.1)

    run(main())


def test_trouble_with_what_was_replaced_is_told_at_once() -> None:
    async def main() -> None:
        async with one_that_runs() as it:
            await replace(it, goes_within=4)
            it.cluster.change(POD, "one", NO_IMAGE)
            await until(lambda: it.ready()["reason"] == "ErrImagePull", "it tells", 2)

    run(main())


def test_while_there_is_other_work_what_is_new_is_told_a_little_later() -> None:
    async def main() -> None:
        cluster = Cluster()
        async with operating(have_pod, cluster) as it:
            cluster.create(GADGET, "slow", spec={})
            cluster.create(GADGET, "one", spec={"text": "first"})
            await asyncio.sleep(2.5)
            assert it.writes() == ["POST"]
            await until(lambda: it.ready().get("reason") == "PodStarting", "it tells", 1)

    run(main())


def test_while_there_is_other_work_what_was_ready_is_told_much_later_but_it_is_told() -> None:
    async def main() -> None:
        async with one_that_runs() as it:
            it.cluster.create(GADGET, "slow", spec={})
            begun = clock().time()
            await replace(it, goes_within=4)
            await asyncio.sleep(4)
            it.cluster.change(POD, "one", NO_IMAGE)
            await until(lambda: it.ready()["reason"] == "ErrImagePull", "it tells", 20)
            assert 9 < clock().time() - begun < 12, "ten seconds, whatever the reason is by then"

    run(main())


def test_what_is_ready_is_told_at_once_whatever_else_there_is_to_do() -> None:
    async def main() -> None:
        cluster = Cluster()
        async with operating(have_pod, cluster) as it:
            cluster.create(GADGET, "slow", spec={})
            cluster.create(GADGET, "one", spec={"text": "first"})
            await until(lambda: cluster.get(POD, "one"), "it has a Pod", 1)
            cluster.change(POD, "one", READY)
            await until(lambda: it.ready().get("status") == "True", "it tells", 0.1)

    run(main())


def test_looks_that_write_nothing_keep_nobody_waiting() -> None:
    async def main() -> None:
        cluster = Cluster()
        for number in range(200):
            cluster.create(GADGET, f"gadget-{number}", spec={"text": "hello"})
        async with operating(mirror, cluster) as it:
            await calm()
            it.writes()
            it.results.clear()
            longest = turns = 0

            async def somebody_else() -> None:
                nonlocal longest, turns
                while len(before := list(it.results)) < 200:
                    await asyncio.sleep(0)
                    longest = max(longest, len(it.results) - len(before))
                    turns += 1

            it.controller.look_at_all()
            await somebody_else()
            assert it.writes() == []
            assert longest <= it.controller.reconciler.workers
            assert turns >= 200 / it.controller.reconciler.workers

    run(main())
