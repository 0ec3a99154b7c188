import asyncio
from typing import ClassVar

from rumpf import ConfigMap, Operator, Resource, World, reconciler
from rumpf.kinds import Kind
from rumpf.objects import View
from rumpf.operator import Index, Watch
from rumpf.runtime.caches import Cached
from tests.unit.runtime.clockwork import clock, run
from tests.unit.runtime.cluster import Cluster
from tests.unit.runtime.operating import (
    CONFIG_MAP,
    GADGET,
    Gadget,
    GadgetStatus,
    Operating,
    calm,
    mirror,
    operating,
    phase,
    until,
)


def test_a_resource_is_reconciled_and_costs_nothing_once_it_is_as_it_should_be() -> None:
    async def main() -> None:
        cluster = Cluster()
        async with operating(mirror, cluster) as it:
            cluster.create(GADGET, "one", spec={"text": "hello"})
            await until(lambda: it.ready().get("status") == "True", "it is ready")
            status = it.gadget()["status"]
            assert (status["phase"], status["observedGeneration"]) == ("hello", 1)
            await calm()
            assert it.writes() == ["APPLY", "PATCH"]
            looks = len(it.results)
            await calm(3600)
            assert len(it.results) == looks, "nobody looks where nothing happens"

    run(main())


def test_what_a_reconcile_writes_itself_brings_no_other_look() -> None:
    async def main() -> None:
        cluster = Cluster()
        async with operating(mirror, cluster) as it:
            it.wire.watch_lag = 1
            for text in ("first", "second"):
                cluster.create(GADGET, text, spec={"text": text})
                await until(lambda text=text: phase(it, text) == text, "it is reconciled")  # type: ignore[misc]
            await calm()
            assert it.results == ["done", "done"]

    run(main())


def test_a_change_made_while_a_status_is_written_is_not_lost() -> None:
    async def main() -> None:
        cluster = Cluster()
        async with operating(mirror, cluster) as it:
            it.wire.watch_lag = 5

            def meanwhile(_: str, path: str) -> None:
                # Before the status arrives, somebody changes the spec; the watch is late in telling so.
                if path.endswith("/status") and it.gadget()["spec"]["text"] == "first":
                    cluster.change(GADGET, "one", {"spec": {"text": "second"}})

            it.wire.refuses = meanwhile
            cluster.create(GADGET, "one", spec={"text": "first"})
            await until(lambda: phase(it) == "second", "the change is acted on", 300)
            assert it.gadget()["status"]["observedGeneration"] == 2

    run(main())


def test_what_somebody_does_to_a_child_is_undone() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={"text": "hello"})
        async with operating(mirror, cluster):
            await until(lambda: cluster.get(CONFIG_MAP, "one"), "there is a child")
            cluster.change(CONFIG_MAP, "one", {"data": {"text": "wrong"}})
            await until(
                lambda: (cluster.get(CONFIG_MAP, "one") or {})["data"]["text"] == "hello", "it is mended"
            )
            cluster.delete(CONFIG_MAP, "one")
            await until(lambda: cluster.get(CONFIG_MAP, "one"), "it is there again")

    run(main())


def test_a_timer_brings_another_look() -> None:
    looks: list[float] = []

    async def look(_: Gadget, world: World) -> None:
        looks.append(clock().time())
        world.again(60)
        world.again(10)

    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={})
        async with operating(look, cluster) as it:
            await calm(105)
            assert [round(at - looks[0]) for at in looks] == list(range(0, 101, 10))
            cluster.delete(GADGET, "one")
            await calm(105)
            assert len(looks) == len(it.results) == 11
            assert not it.controller._memories  # noqa: SLF001 - memory is nothing that one can ask for

    run(main())


def test_what_lies_outside_is_looked_at_at_intervals() -> None:
    async def look(_: Gadget, __: World) -> None:
        return None

    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={})
        async with operating(look, cluster, resync=60) as it:
            await calm(3590)
            assert len(it.results) == 60

    run(main())


def test_a_watched_object_brings_those_whom_it_concerns_whatever_else_the_function_makes_of_it() -> None:
    class Plan(View):
        kind: ClassVar[Kind] = Kind("test.dev", "v1", "Plan", "plans")

    def concerns(plan: View, index: Index) -> list[tuple[str, str]]:
        if plan.name == "odd":
            raise RuntimeError("no idea")
        return [(plan.namespace, each.name) for each in index.resources(plan.namespace)]

    async def look(_: Gadget, world: World) -> GadgetStatus:
        plan = world.find(Plan, "plan")
        return GadgetStatus(phase=plan.get("spec", "say") if plan else "none").ready("Fine")

    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={})
        cluster.create(GADGET, "broken", spec={"text": "damn"})
        cluster.create(Plan.kind, "odd")
        async with operating(look, cluster, watches=[Watch(Plan, concerns)]) as it:
            await until(lambda: phase(it) == "none", "there is no plan")
            cluster.create(Plan.kind, "plan", spec={"say": "first"})
            await until(lambda: phase(it) == "first", "there is one", 1)
            cluster.change(Plan.kind, "odd", {"spec": {"more": 1}})
            cluster.change(Plan.kind, "plan", {"spec": {"say": "second"}})
            await until(lambda: phase(it) == "second", "it has changed", 1)
            cluster.delete(Plan.kind, "plan")
            await until(lambda: phase(it) == "none", "it is gone", 1)

    run(main())


class Report(Resource, group="test.dev", version="v1", plural="reports"):
    """What the Gadget of its name says of itself."""

    status: GadgetStatus = GadgetStatus()


class GadgetView(View):
    kind: ClassVar[Kind] = GADGET


def test_what_one_reconcile_writes_is_told_to_another_that_watches_for_it() -> None:
    async def report(report: Report, world: World) -> GadgetStatus:
        gadget = world.find(GadgetView, report.name)
        return GadgetStatus(phase=gadget.get("status", "phase") if gadget else None).ready("Fine")

    async def slow(gadget: Gadget, world: World) -> GadgetStatus:
        await asyncio.sleep(1)
        return await mirror(gadget, world)

    operator = Operator(
        "test",
        reconciler(Gadget, owns=[ConfigMap])(slow),
        reconciler(Report, watches=[Watch(GadgetView, lambda view, _: [(view.namespace, view.name)])])(
            report
        ),
        description="A test.",
    )

    async def main() -> None:
        cluster = Cluster()
        async with operating(operator, cluster) as it:
            it.wire.watch_lag = 0.5
            cluster.create(Report.names.kind, "one")
            cluster.create(GADGET, "one", spec={"text": "first"})
            for text in ("first", "second"):
                cluster.change(GADGET, "one", {"spec": {"text": text}})

                def said(text: str = text) -> object:
                    return (cluster.get(Report.names.kind, "one") or {}).get("status", {}).get(
                        "phase"
                    ) == text

                await until(said, "the report tells of it", 60)

    run(main())


def test_work_that_another_has_taken_over_ends_and_is_taken_up_again_with_nothing_stuck() -> None:
    begun: list[str] = []
    hold = asyncio.Event()

    async def slow(gadget: Gadget, world: World) -> GadgetStatus:
        begun.append(gadget.name)
        await hold.wait()
        return await mirror(gadget, world)

    async def main() -> None:
        cluster = Cluster()
        for name in ("one", "two", "three"):
            cluster.create(GADGET, name, spec={"text": "hello"})
        async with operating(slow, cluster, workers=2) as it:
            await until(lambda: len(begun) == 2, "two are under way")
            await it.end()
            assert it.controller.queue.active == 0
            hold.set()
            await calm()
            assert it.writes() == []
            it.begin()
            for name in ("one", "two", "three"):
                await until(lambda name=name: phase(it, name) == "hello", "it is done")  # type: ignore[misc]

    run(main())


def test_who_has_lost_the_lead_in_the_middle_writes_no_more() -> None:
    async def lose(gadget: Gadget, world: World) -> GadgetStatus:
        it.leads = False
        return await mirror(gadget, world)

    it: Operating

    async def main() -> None:
        nonlocal it
        cluster = Cluster()
        async with operating(lose, cluster) as it:
            cluster.create(GADGET, "one", spec={})
            await until(lambda: it.results == ["superseded"], "it notices")
            assert it.writes() == []
            assert it.retries == 0

    run(main())


def test_a_resource_that_goes_in_the_middle_of_a_look_is_the_end_of_that() -> None:
    async def slowly(gadget: Gadget, world: World) -> GadgetStatus:
        cluster.delete(GADGET, "one")
        await until(lambda: not it.caches.stores[Cached(GADGET)], "it is seen")
        return await mirror(gadget, world)

    it: Operating
    cluster = Cluster()

    async def main() -> None:
        nonlocal it
        async with operating(slowly, cluster) as it:
            cluster.create(GADGET, "one", spec={})
            await until(lambda: it.results[:1] == ["gone"], "it ends")
            assert it.writes() == []
            assert it.retries == 0

    run(main())


def test_a_burst_of_changes_to_one_resource_ends_with_the_last_and_costs_few_writes() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={"text": "0"})
        async with operating(mirror, cluster) as it:
            it.wire.answer_lag, it.wire.watch_lag = 0.2, 0.01
            for number in range(100):
                cluster.change(GADGET, "one", {"spec": {"text": str(number)}})
                await asyncio.sleep(0.01)
            await until(lambda: phase(it) == "99", "the last one counts", 10)
            await calm()
            assert (cluster.get(CONFIG_MAP, "one") or {})["data"] == {"text": "99"}
            assert len(it.writes()) < 20

    run(main())


def test_a_resource_made_again_under_its_name_is_another_one() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={"text": "first"})
        async with operating(mirror, cluster) as it:
            await until(lambda: phase(it) == "first", "the first is done")
            cluster.delete(GADGET, "one")
            cluster.create(GADGET, "one", spec={"text": "second"})
            await calm(10)
            assert phase(it) is None, "the child of the first is still there"
            cluster.delete(CONFIG_MAP, "one")
            await until(lambda: phase(it) == "second", "the second has a child of its own", 10)
            assert all(reason != "NameTaken" for _, reason in it.events)

    run(main())
