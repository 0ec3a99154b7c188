import asyncio
from typing import TYPE_CHECKING

import pytest

from rumpf import Refused, Waiting, World
from tests.unit.runtime.clockwork import run
from tests.unit.runtime.cluster import Cluster
from tests.unit.runtime.operating import (
    GADGET,
    Gadget,
    GadgetStatus,
    calm,
    operating,
    phase,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable

FINALIZER = "test.dev/gadgets"


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
