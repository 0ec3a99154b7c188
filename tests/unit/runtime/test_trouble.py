import asyncio
from itertools import pairwise

import pytest

from rumpf import NotOurs, Operator, Pod, Refused, Resource, Waiting, World, reconciler
from rumpf.errors import ApiError
from tests.unit.runtime.clockwork import clock, run
from tests.unit.runtime.cluster import Cluster
from tests.unit.runtime.operating import (
    CONFIG_MAP,
    GADGET,
    POD,
    Gadget,
    GadgetSpec,
    GadgetStatus,
    calm,
    mirror,
    operating,
    phase,
    pod,
    until,
)


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
            it.results.clear()
            await calm(600)
            assert it.writes() == []
            assert len(it.results) < 350
            cluster.change(POD, "child", {"metadata": {"finalizers": None}})
            await until(lambda: it.ready()["status"] == "True", "it has another Pod", 1)

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
            assert "parts" not in status

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
