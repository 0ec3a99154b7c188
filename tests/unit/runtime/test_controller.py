import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import pytest

from rumpf import ConfigMap, NotOurs, Operator, Pod, Refused, Resource, Waiting, World, reconciler
from rumpf.errors import ApiError
from rumpf.kinds import Kind
from rumpf.objects import View
from rumpf.operator import Index, Watch
from tests.unit.runtime.clockwork import clock, run
from tests.unit.runtime.cluster import Cluster
from tests.unit.runtime.operating import (
    CONFIG_MAP,
    GADGET,
    POD,
    Gadget,
    GadgetSpec,
    GadgetStatus,
    Operating,
    calm,
    config_map,
    operating,
    pod,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable

FINALIZER = "test.dev/gadgets"


async def mirror(gadget: Gadget, world: World) -> GadgetStatus:
    """Have a ConfigMap that says what the Gadget says."""
    await world.ensure(ConfigMap, config_map(gadget.name, text=gadget.spec.text))
    return GadgetStatus(phase=gadget.spec.text).ready("Fine")


def phase(it: Operating, name: str = "one") -> object:
    return it.gadget(name).get("status", {}).get("phase")


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


def test_one_that_fails_is_tried_again_after_growing_pauses_and_says_so() -> None:
    tried: list[float] = []

    async def fail(_: Gadget, __: World) -> GadgetStatus:
        tried.append(clock().time())
        if len(tried) <= 8:
            raise RuntimeError("no luck \udcff")
        return GadgetStatus().ready("Fine")

    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={})
        async with operating(fail, cluster) as it:
            await until(lambda: len(tried) == 4, "it was tried some times")
            await until(
                lambda: it.ready().get("reason") != "ReconcileFailed", "a text that is none does no harm"
            )
            await until(lambda: it.ready().get("status") == "True", "it works in the end")
            pauses = [later - earlier for earlier, later in pairwise(tried)]
            assert all(later > earlier * 1.2 for earlier, later in pairwise(pauses)), pauses
            assert it.retries == 8

    run(main())


def test_one_that_fails_always_says_so_and_is_not_tried_in_a_hot_loop() -> None:
    async def fail(_: Gadget, __: World) -> GadgetStatus:
        raise RuntimeError("no luck")

    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={})
        async with operating(fail, cluster) as it:
            await until(lambda: it.ready().get("reason") == "ReconcileFailed", "it says so")
            assert it.ready()["message"] == "RuntimeError: no luck"
            await calm(24 * 3600)
            assert len(it.results) < 420
            assert it.writes().count("PATCH") == 1
            assert it.controller._memories.keys() == {("ns", "one")}  # noqa: SLF001 - memory is nothing one can ask for
            cluster.delete(GADGET, "one")
            await calm(3600)
            assert not it.controller._memories  # noqa: SLF001

    run(main())


def test_one_that_fails_does_not_keep_the_others() -> None:
    async def fail_one(gadget: Gadget, _: World) -> GadgetStatus:
        if gadget.name == "bad":
            raise asyncio.CancelledError
        return GadgetStatus(phase="done").ready("Fine")

    async def main() -> None:
        cluster = Cluster()
        async with operating(fail_one, cluster, workers=1) as it:
            cluster.create(GADGET, "bad", spec={})
            await until(lambda: it.retries > 3, "it fails, again and again")
            cluster.create(GADGET, "good", spec={})
            await until(lambda: phase(it, "good") == "done", "the other one is reconciled", 1)

    run(main())


@pytest.mark.parametrize("status", [409, 429, 500, 0])
def test_a_write_that_is_refused_for_a_while_is_made_in_the_end(status: int) -> None:
    async def main() -> None:
        cluster = Cluster()
        refused: list[str] = []

        def refuse(verb: str, path: str) -> Exception | None:
            if verb in {"APPLY", "PATCH"} and len([each for each in refused if each == path]) < 3:
                refused.append(path)
                return ApiError("not now", status=status)
            return None

        async with operating(mirror, cluster) as it:
            it.wire.refuses = refuse
            cluster.create(GADGET, "one", spec={"text": "hello"})
            await until(lambda: it.ready().get("status") == "True", "it is ready", 60)
            assert len(set(refused)) == 2

    run(main())


def test_what_is_refused_is_said_once_and_not_tried_again_until_something_changes() -> None:
    async def refuse(gadget: Gadget, _: World) -> GadgetStatus:
        if gadget.spec.size > 3:
            raise Refused("TooBig", "3 is the most")
        return GadgetStatus().ready("Fine")

    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={"size": 4})
        async with operating(refuse, cluster) as it:
            await until(lambda: it.ready().get("reason") == "TooBig", "it says so")
            await calm(24 * 3600)
            assert it.results == ["refused"]
            assert it.events == [("one", "TooBig")]
            assert it.gadget()["status"]["observedGeneration"] == 1
            cluster.change(GADGET, "one", {"spec": {"size": 3}})
            await until(lambda: it.ready()["status"] == "True", "it is acted on at once", 1)

    run(main())


def test_a_name_that_is_taken_is_looked_at_now_and_then() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(CONFIG_MAP, "one", data={"text": "theirs"})
        cluster.create(GADGET, "one", spec={"text": "ours"})
        async with operating(mirror, cluster) as it:
            await until(lambda: it.ready().get("reason") == "NameTaken", "it says so")
            await calm(3600)
            assert 100 < len(it.results) < 150
            assert it.writes().count("PATCH") == 1
            cluster.delete(CONFIG_MAP, "one")
            await until(lambda: it.ready()["status"] == "True", "it has its child", 40)

    run(main())


def test_what_is_waited_for_is_said_when_it_lasts_and_is_not_about_this_generation_yet() -> None:
    async def wait(gadget: Gadget, _: World) -> GadgetStatus:
        if gadget.spec.size:
            raise Waiting("Warming", "it takes a while", again=10)
        return GadgetStatus().ready("Fine")

    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={})
        async with operating(wait, cluster) as it:
            await until(lambda: it.ready().get("reason") == "Warming", "it says so")
            assert it.gadget()["status"]["observedGeneration"] == 0
            await calm(1000)
            assert 90 < len(it.results) < 120
            assert it.writes().count("PATCH") == 1
            cluster.change(GADGET, "one", {"spec": {"size": 0}})
            await until(lambda: it.ready()["status"] == "True", "it goes on")
            assert it.gadget()["status"]["observedGeneration"] == 2

    run(main())


def test_one_that_goes_and_never_is_gone_costs_one_write() -> None:
    async def have_pod(gadget: Gadget, world: World) -> GadgetStatus:
        await world.ensure(Pod, pod(image=gadget.spec.text))
        return GadgetStatus().ready("Fine")

    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={"text": "a"})
        async with operating(have_pod, cluster) as it:
            await until(lambda: it.ready().get("status") == "True", "it is ready")
            cluster.change(POD, "child", {"metadata": {"finalizers": ["on/hold"]}})
            cluster.change(GADGET, "one", {"spec": {"text": "b"}})
            await until(lambda: it.ready()["reason"] == "Replacing", "it says that it waits")
            it.writes()
            await calm(600)
            assert it.writes() == []
            cluster.change(POD, "child", {"metadata": {"finalizers": None}})
            await until(lambda: it.ready()["status"] == "True", "it has another Pod", 1)

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
        async with operating(look, cluster):
            await calm(105)
            assert [round(at - looks[0]) for at in looks] == list(range(0, 101, 10))
            cluster.delete(GADGET, "one")
            await calm(105)
            assert len(looks) == 11

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


def test_what_a_type_does_not_take_is_said_and_harms_nobody() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={"text": "damn"})
        async with operating(mirror, cluster) as it:
            await until(lambda: it.ready().get("reason") == "Invalid", "it says so")
            assert it.ready()["message"] == "spec.text: Value error, mind your language"
            await calm(24 * 3600)
            assert it.results == ["invalid"]
            cluster.change(GADGET, "one", {"spec": {"text": "please"}})
            await until(lambda: phase(it) == "please", "it is acted on")

    run(main())


def test_a_status_that_makes_no_sense_any_more_is_written_anew() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(
            GADGET, "one", spec={"text": "hello"}, status={"phase": 3, "parts": {"a": "many"}, "old": 1}
        )
        async with operating(mirror, cluster) as it:
            await until(lambda: phase(it) == "hello", "it is reconciled")
            status = it.gadget()["status"]
            assert "old" not in status
            assert status["parts"] == {}

    run(main())


def test_a_resource_without_a_status_gets_none() -> None:
    class Plain(Resource, group="test.dev", version="v1", plural="plains"):
        """It has no status."""

        spec: GadgetSpec

    async def wait(plain: Plain, _: World) -> None:
        raise (Waiting("Warming", "a while") if plain.spec.size else NotOurs("Taken", "it is taken"))

    async def main() -> None:
        cluster = Cluster()
        for size in (0, 1):
            cluster.create(Plain.names.kind, f"plain-{size}", spec={"size": size})
        async with operating(Operator("test", reconciler(Plain)(wait), description="A test."), cluster) as it:
            await calm()
            assert {"waiting", "refused"} == set(it.results)
            assert it.writes() == []

    run(main())


class Cleaning:
    """An operator with something outside."""

    def __init__(self) -> None:
        self.outside: set[str] = set()
        self.fails: Callable[[], Exception | None] = lambda: None

    async def make(self, gadget: Gadget, world: World) -> GadgetStatus:
        assert FINALIZER in gadget.metadata.finalizers, "nothing is made before it is sure to be cleaned up"
        self.outside.add(gadget.name)
        return GadgetStatus(phase="made").ready("Fine")

    async def clean(self, gadget: Gadget, world: World) -> None:
        if error := self.fails():
            raise error
        self.outside.discard(gadget.name)


def test_what_lies_outside_is_cleaned_up_before_a_resource_is_gone() -> None:
    async def main() -> None:
        cluster, cleaning = Cluster(), Cleaning()
        cluster.create(GADGET, "one", spec={}, metadata={"finalizers": ["somebody/else"]})
        async with operating(cleaning.make, cluster, finalize=cleaning.clean) as it:
            await until(lambda: phase(it) == "made", "it is made")
            assert it.gadget()["metadata"]["finalizers"] == ["somebody/else", FINALIZER]
            cluster.delete(GADGET, "one")
            await until(lambda: it.gadget()["metadata"]["finalizers"] == ["somebody/else"], "ours is removed")
            assert cleaning.outside == set()
            cluster.change(GADGET, "one", {"metadata": {"finalizers": None}})
            await calm()
            assert cluster.get(GADGET, "one") is None
            assert it.retries == 0

    run(main())


def test_one_deleted_while_nobody_was_there_is_cleaned_up_at_the_start() -> None:
    async def main() -> None:
        cluster, cleaning = Cluster(), Cleaning()
        cleaning.outside.add("one")
        cluster.create(GADGET, "one", spec={}, metadata={"finalizers": [FINALIZER]})
        cluster.delete(GADGET, "one")
        cluster.create(GADGET, "never-seen", spec={})
        cluster.delete(GADGET, "never-seen")
        async with operating(cleaning.make, cluster, finalize=cleaning.clean):
            await until(lambda: cluster.get(GADGET, "one") is None, "it is gone")
            assert cleaning.outside == set()

    run(main())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("no luck"), "ReconcileFailed"),
        (Refused("InUse", "a person must let go of it"), "InUse"),
        (Waiting("Draining", "it takes a while"), "Draining"),
    ],
)
def test_one_that_cannot_be_cleaned_up_yet_says_so_and_stays(error: Exception, reason: str) -> None:
    async def main() -> None:
        cluster, cleaning = Cluster(), Cleaning()
        cluster.create(GADGET, "one", spec={})
        async with operating(cleaning.make, cluster, finalize=cleaning.clean) as it:
            await until(lambda: phase(it) == "made", "it is made")
            cleaning.fails = lambda: error
            cluster.delete(GADGET, "one")
            await until(lambda: it.ready()["reason"] == reason, "it says so")
            it.results.clear()
            await calm(3600)
            assert len(it.results) < 1000
            assert cleaning.outside == {"one"}
            cleaning.fails = lambda: None
            await until(lambda: cluster.get(GADGET, "one") is None, "it is gone")

    run(main())


def test_one_that_has_changed_while_it_was_cleaned_up_is_let_go_all_the_same() -> None:
    async def main() -> None:
        cluster, cleaning = Cluster(), Cleaning()

        async def clean(gadget: Gadget, _: World) -> None:
            cluster.change(GADGET, "one", {"metadata": {"labels": {"new": str(cluster.version)}}})
            await asyncio.sleep(1)
            cleaning.outside.discard(gadget.name)

        cluster.create(GADGET, "one", spec={})
        async with operating(cleaning.make, cluster, finalize=clean) as it:
            await until(lambda: phase(it) == "made", "it is made")
            cluster.delete(GADGET, "one")
            await until(lambda: cluster.get(GADGET, "one") is None, "it is gone", 10)

    run(main())


def test_one_that_became_invalid_can_be_deleted_and_it_is_said_what_was_left_behind() -> None:
    async def main() -> None:
        cluster, cleaning = Cluster(), Cleaning()
        metadata = {"finalizers": ["somebody/else", FINALIZER]}
        cluster.create(GADGET, "one", spec={"text": "damn"}, metadata=metadata)
        cluster.delete(GADGET, "one")
        async with operating(cleaning.make, cluster, finalize=cleaning.clean) as it:
            await until(lambda: it.gadget()["metadata"]["finalizers"] == ["somebody/else"], "it is let go")
            assert it.events == [("one", "NotFinalized")]

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
