import asyncio
from typing import Any

import pytest

from rumpf import Operator, Pod, World, reconciler
from rumpf.errors import ApiError
from rumpf.runtime.stage import NotLeading
from tests.unit.runtime.clockwork import run
from tests.unit.runtime.cluster import Cluster
from tests.unit.runtime.operating import (
    GADGET,
    POD,
    Function,
    Gadget,
    GadgetStatus,
    Operating,
    calm,
    operating,
    phase,
    until,
)


def looks_of(function: Function) -> Operating:
    """Look at one Gadget until it is calm; return what became of it."""
    found: list[Operating] = []

    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={})
        async with operating(function, cluster) as it:
            await calm()
            found.append(it)

    run(main())
    return found[0]


def patches(it: Operating) -> list[Any]:
    """Return what was written to the status, in order."""
    return [each.body["status"] for each in it.cluster.asked if each.path.endswith("/gadgets/one/status")]


def test_a_status_that_is_saved_is_there_before_anything_else_is_done() -> None:
    seen: list[object] = []

    async def look(_: Gadget, world: World) -> GadgetStatus:
        await world.save(GadgetStatus(phase="begun").ready("Fine"))
        found = await world.request("GET", GADGET.path("ns", "one"))
        seen.append(found["status"]["phase"])
        return GadgetStatus(phase="done").ready("Fine")

    it = looks_of(look)
    assert seen[0] == "begun"
    assert phase(it) == "done"
    assert it.gadget()["status"]["observedGeneration"] == 1


def test_what_was_saved_is_not_written_again_and_leads_to_no_look() -> None:
    async def look(_: Gadget, world: World) -> GadgetStatus:
        status = GadgetStatus(phase="done", parts={"a": 1}).ready("Fine")
        await world.save(status)
        await world.save(status)
        return status

    it = looks_of(look)
    assert len(patches(it)) == 1
    assert it.results == ["done"]


def test_after_a_save_only_the_difference_to_it_is_written() -> None:
    async def look(gadget: Gadget, world: World) -> GadgetStatus:
        if gadget.status.phase is None:
            await world.save(GadgetStatus(phase="begun", parts={"a": 1, "b": 2}).ready("Fine"))
        return GadgetStatus(phase="done", parts={"b": 2}).ready("Fine")

    written = patches(looks_of(look))
    assert written[1:] == [{"phase": "done", "parts": {"a": None}}]


@pytest.mark.parametrize("what", ["spec", "metadata", "status", "another"])
def test_a_save_is_refused_if_the_resource_is_not_as_it_was_seen(what: str) -> None:
    tries: list[int | None] = []

    async def main() -> None:
        cluster = Cluster()

        async def look(gadget: Gadget, world: World) -> GadgetStatus:
            if not tries:
                match what:
                    case "spec":
                        cluster.change(GADGET, "one", {"spec": {"text": "changed"}})
                    case "metadata":
                        cluster.change(GADGET, "one", {"metadata": {"labels": {"a": "b"}}})
                    case "status":
                        cluster.change(GADGET, "one", {"status": {"phase": "somebody else's"}})
                    case _:
                        cluster.delete(GADGET, "one")
                        cluster.create(GADGET, "one", spec={"text": "changed"})
            try:
                await world.save(GadgetStatus(phase=gadget.spec.text).ready("Fine"))
            except ApiError as error:
                tries.append(error.status)
                raise
            tries.append(None)
            return GadgetStatus(phase=gadget.spec.text).ready("Fine")

        cluster.create(GADGET, "one", spec={"text": "first"})
        async with operating(look, cluster) as it:
            it.wire.watch_lag = 0.05
            await until(lambda: tries and tries[-1] is None, "it is seen as it is, and saved")
            await calm()
            assert tries[0] == 409
            assert phase(it) == ("first" if what in {"metadata", "status"} else "changed")

    run(main())


@pytest.mark.parametrize("remembers", [True, False])
def test_a_status_that_is_remembered_is_written_only_over_the_one_that_was_seen(*, remembers: bool) -> None:
    async def main() -> None:
        cluster = Cluster()

        async def look(_: Gadget, __: World) -> GadgetStatus:
            return GadgetStatus(phase="done").ready("Fine")

        version = cluster.create(GADGET, "one", spec={"text": "first"})["metadata"]["resourceVersion"]
        declared = Operator("test", reconciler(Gadget, remembers=remembers)(look), description="A test.")
        async with operating(declared, cluster) as it:
            await until(lambda: phase(it) == "done", "its status is written")
            (written,) = (each for each in cluster.asked if each.path.endswith("/status"))
            assert (written.body["metadata"].get("resourceVersion") == version) is remembers

    run(main())


def test_a_save_whose_answer_is_lost_is_not_done_over() -> None:
    async def main() -> None:
        cluster = Cluster()
        saved: list[object] = []
        lost = [True]

        async def look(gadget: Gadget, world: World) -> GadgetStatus:
            if gadget.status.phase is None:
                await world.save(GadgetStatus(phase=f"begun {len(saved)}").ready("Fine"))
            saved.append(gadget.status.phase)
            return gadget.status.ready("Fine")

        async with operating(look, cluster) as it:

            def lose(verb: str, _: str) -> None:
                if verb == "PATCH" and lost.pop():
                    lost.append(False)
                    raise ApiError("no answer")

            it.wire.answered = lose
            cluster.create(GADGET, "one", spec={})
            await until(lambda: saved, "it goes on")
            await calm()
            assert set(saved) == {"begun 0"}

    run(main())


def test_a_replica_that_leads_no_more_saves_nothing() -> None:
    async def main() -> None:
        cluster = Cluster()
        raised: list[bool] = []
        leading = [True]

        async def look(gadget: Gadget, world: World) -> GadgetStatus:
            leading.clear()
            try:
                await world.save(GadgetStatus(phase="mine"))
            except NotLeading:
                raised.append(True)
                raise
            return gadget.status

        async with operating(look, cluster) as it:
            it.stage.leads = lambda: bool(leading)
            cluster.create(GADGET, "one", spec={})
            await until(lambda: raised, "it was tried")
            await calm(1)
            assert it.writes() == []
            assert set(it.results) == {"superseded"}

    run(main())


def test_what_is_remembered_survives_looks_and_not_the_process() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={})
        seen: list[int] = []

        async def look(_: Gadget, world: World) -> None:
            world.memory["looks"] = world.memory.get("looks", 0) + 1
            seen.append(world.memory["looks"])
            if seen[-1] == 2:
                raise RuntimeError("a look that fails forgets nothing")

        async with operating(look, cluster):
            await until(lambda: seen == [1], "it is looked at")
            for number in range(2):
                cluster.change(GADGET, "one", {"spec": {"size": number + 5}})
                await calm(10)
            assert seen[:2] == [1, 2]
            assert seen == list(range(1, len(seen) + 1))
        seen.clear()
        async with operating(look, cluster):
            await until(lambda: seen == [1], "it is remembered no more")

    run(main())


@pytest.mark.parametrize("unseen", [False, True], ids=["seen to go", "replaced unseen"])
def test_what_is_remembered_is_not_taken_for_another_of_that_name(*, unseen: bool) -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={})
        seen: list[tuple[str, str]] = []

        async def look(gadget: Gadget, world: World) -> None:
            first = world.memory.setdefault("uid", gadget.metadata.uid)
            seen.append((first, gadget.metadata.uid))

        async with operating(look, cluster) as it:
            await until(lambda: seen, "it is looked at")
            if unseen:
                it.wire.refuses = lambda verb, _: ApiError("away") if verb == "WATCH" else None
                it.wire.cut()
                await calm(1)
            cluster.delete(GADGET, "one")
            again = cluster.create(GADGET, "one", spec={})["metadata"]["uid"]
            cluster.forgotten = cluster.version if unseen else 0
            it.wire.refuses = lambda _, __: None
            await until(lambda: seen[-1][1] == again, "the other one is looked at")
            assert seen[-1] == (again, again)

    run(main())


def test_a_place_is_held_until_it_is_given_back_or_its_holder_is_gone() -> None:
    async def main() -> None:
        cluster = Cluster()

        async def look(gadget: Gadget, world: World) -> GadgetStatus:
            if gadget.spec.text == "done":
                world.release("seats")
                return GadgetStatus(phase="stands").ready("Fine")
            world.again(1)
            sits = world.reserve("seats", 2) and world.reserve("seats", 2)
            return GadgetStatus(phase="sits" if sits else "waits").ready("Fine")

        async with operating(look, cluster) as it:
            for name in ("a", "b", "c", "d"):
                cluster.create(GADGET, name, spec={})
                await calm(2)

            def who(what: str) -> set[str]:
                there = [name for name in "abcd" if cluster.get(GADGET, name)]
                return {name for name in there if phase(it, name) == what}

            assert (who("sits"), who("waits")) == ({"a", "b"}, {"c", "d"})
            cluster.change(GADGET, "a", {"spec": {"text": "done"}})
            await calm(5)
            assert who("stands") == {"a"}
            assert len(who("sits")) == 2
            cluster.delete(GADGET, "b")
            await calm(5)
            assert who("sits") == {"c", "d"}
            assert it.stage.places.holders("seats") == {it.gadget(name)["metadata"]["uid"] for name in "cd"}

    run(main())


def test_giving_back_what_one_never_had_does_no_harm() -> None:
    async def look(_: Gadget, world: World) -> GadgetStatus:
        world.release("seats")
        return GadgetStatus(phase="done").ready("Fine")

    assert phase(looks_of(look)) == "done"


def test_an_event_may_be_about_another_object() -> None:
    async def main() -> None:
        cluster = Cluster()
        owner = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": "web-7d4",
            "uid": "r",
            "controller": True,
        }
        cluster.create(POD, "web-7d4-x", metadata={"labels": {"app": "web"}, "ownerReferences": [owner]})
        cluster.create(GADGET, "one", spec={})

        async def look(_: Gadget, world: World) -> None:
            (controller,) = await world.select(Pod, "app=web", lambda pod: pod.controller)
            world.event("Restarting", "its Pods are restarted", about=controller)
            world.event("Seen", "it was seen")

        async with operating(look, cluster, follows=[Pod], owns=[]) as it:
            await until(lambda: it.events, "it is told")
            await asyncio.sleep(0.1)
            assert it.events[:2] == [("web-7d4", "Restarting"), ("one", "Seen")]
            await it.stage.follows.close()

    run(main())
