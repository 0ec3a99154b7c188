import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest

from rumpf import Pod, World
from rumpf.errors import ApiError, DeclarationError
from rumpf.runtime.follows import Followed, Follows, Selection
from tests.unit.runtime.clockwork import run
from tests.unit.runtime.cluster import Cluster, Json, Wire
from tests.unit.runtime.operating import (
    GADGET,
    POD,
    Gadget,
    GadgetStatus,
    calm,
    operating,
    operator_of,
    phase,
    until,
)
from tests.unit.runtime.shelf import refusal

if TYPE_CHECKING:
    from rumpf.api import Api

WEB = Selection(POD, "ns", "app=web")


class Following:
    """Selections that are followed, and who was told of changes."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.wire = Wire(self.cluster)
        self.follows = Follows(cast("Api", self.wire))
        self.woken: list[str] = []

    async def ask(self, who: str = "a", what: Selection = WEB, keep: float = 60) -> Followed:
        return await self.follows.ask(what, who, lambda: self.woken.append(who), keep=keep)

    async def names(self, who: str = "a", what: Selection = WEB, keep: float = 60) -> list[str]:
        return (await self.ask(who, what, keep)).each(name, "names")

    def deafen(self) -> None:
        """Break the watch, and let no other begin."""
        self.wire.refuses = lambda verb, _: refusal(500, "InternalError") if verb == "WATCH" else None
        self.wire.cut()

    def pod(self, name: str, app: str = "web", namespace: str = "ns") -> Json:
        return self.cluster.create(POD, name, namespace, metadata={"labels": {"app": app}})

    @property
    def lists(self) -> int:
        return sum(1 for each in self.cluster.asked if each.verb == "GET")

    @property
    def watches(self) -> int:
        """Return how many are open now."""
        return len(self.cluster.bells)


def name(raw: Json) -> str:
    return str(raw["metadata"]["name"])


@asynccontextmanager
async def ending(it: Following) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await it.follows.close()


def following(play: Callable[[Following], Awaitable[None]]) -> None:
    async def main() -> None:
        it = Following()
        async with ending(it):
            await play(it)

    run(main())


def test_only_objects_with_the_labels_in_the_namespace_are_there() -> None:
    async def play(it: Following) -> None:
        it.pod("b")
        it.pod("a")
        it.pod("other", app="db")
        it.pod("far", namespace="elsewhere")
        assert await it.names() == ["a", "b"]

    following(play)


def test_many_who_ask_at_once_cost_one_list_and_one_watch() -> None:
    async def play(it: Following) -> None:
        it.pod("a")
        found = await asyncio.gather(*(it.names(f"{number}") for number in range(50)))
        assert found == [["a"]] * 50
        await calm(10)
        assert (it.lists, it.watches) == (1, 1)
        assert it.woken == [], "what they have asked for is no news to them"

    following(play)


def test_a_change_is_there_and_wakes_all_who_ask_for_it() -> None:
    async def play(it: Following) -> None:
        for who in "ab":
            await it.names(who)
        it.pod("new")
        await until(lambda: it.woken == ["a", "b"], "both are told", 1)
        assert await it.names() == ["new"]
        it.cluster.change(POD, "new", {"metadata": {"labels": {"app": "db"}}})
        await until(lambda: it.woken == ["a", "b"] * 2, "both are told that it is none any more", 1)
        assert await it.names() == []
        it.pod("other", app="db")
        await calm(10)
        assert it.woken == ["a", "b"] * 2
        assert it.lists == 1

    following(play)


def test_who_has_not_asked_for_a_while_is_told_no_more_and_others_are() -> None:
    async def play(it: Following) -> None:
        await it.names("brief", keep=10)
        await it.names("long", keep=100)
        await calm(30)
        it.pod("new")
        await calm(1)
        assert it.woken == ["long"]

    following(play)


def test_a_watch_that_nobody_asks_for_any_more_ends() -> None:
    async def play(it: Following) -> None:
        await it.names(keep=30)
        for _ in range(10):
            await calm(20)
            await it.names(keep=30)
            assert it.watches == 1
        await calm(40)
        assert (it.watches, len(it.follows)) == (0, 0)
        it.pod("new")
        assert await it.names() == ["new"], "it begins anew"
        assert it.lists == 2

    following(play)


def test_a_list_that_is_refused_is_an_error_for_all_who_wait_and_tried_anew_by_the_next() -> None:
    async def play(it: Following) -> None:
        it.pod("a")
        it.wire.refuses = lambda _, __: refusal(403, "Forbidden")
        found = await asyncio.gather(*(it.ask(who) for who in "abc"), return_exceptions=True)
        assert [isinstance(each, ApiError) and each.status for each in found] == [403] * 3
        assert len(it.follows) == 0
        it.wire.refuses = lambda _, __: None
        assert await it.names() == ["a"]

    following(play)


def test_one_who_gives_up_waiting_takes_nothing_from_the_others() -> None:
    async def play(it: Following) -> None:
        it.pod("a")
        it.wire.answer_lag = 5
        first, second = asyncio.create_task(it.names("first")), asyncio.create_task(it.names("second"))
        await calm(1)
        first.cancel()
        assert await second == ["a"]
        assert first.cancelled()
        assert it.lists == 1

    following(play)


def test_one_who_gives_up_just_when_the_list_is_there_leaves_no_watch_behind() -> None:
    async def play(it: Following) -> None:
        it.wire.answer_lag = 5
        first, second = asyncio.create_task(it.ask("first")), asyncio.create_task(it.ask("second", keep=20))
        await calm(1)
        followed = it.follows._followed[WEB]  # noqa: SLF001 - the very moment cannot be told from outside
        followed.listing.add_done_callback(lambda _: first.cancel())
        await second
        await calm(1)
        assert first.cancelled()
        it.pod("new")
        await calm(1)
        assert it.woken.count("second") == 1
        await calm(120)
        assert it.watches == 0

    following(play)


def test_a_list_that_fails_when_nobody_waits_any_more_is_tried_anew_in_the_end() -> None:
    async def play(it: Following) -> None:
        it.pod("a")
        it.wire.answer_lag = 5
        it.wire.refuses = lambda _, __: refusal(500, "InternalError")
        alone = asyncio.create_task(it.ask())
        await calm(1)
        alone.cancel()
        await calm(10)
        it.wire.refuses = lambda _, __: None
        with pytest.raises(ApiError):
            await it.ask()
        assert await it.names() == ["a"]

    following(play)


def test_where_nothing_can_be_heard_it_is_listed_for_whoever_asks() -> None:
    async def play(it: Following) -> None:
        await it.names(keep=1000)
        await calm(10)
        it.deafen()
        await calm(100)
        it.pod("new")
        assert await it.names(keep=1000) == ["new"]
        it.wire.refuses = lambda _, __: refusal(0, "no answer")
        await calm(1)
        with pytest.raises(ApiError):
            await it.names(keep=1000)
        it.wire.refuses = lambda _, __: None
        await until(lambda: it.watches == 1, "it is watched again")
        asked = it.lists
        it.pod("another")
        await calm(1)
        assert await it.names() == ["another", "new"]
        assert it.lists == asked, "what is heard is not listed"

    following(play)


def test_what_came_a_moment_after_the_watch_broke_is_there_for_whoever_asks() -> None:
    async def play(it: Following) -> None:
        await it.names(keep=1000)
        await calm(10)
        it.deafen()
        for name in "abc":
            await asyncio.sleep(0.05)
            it.pod(name)
            assert name in await it.names(keep=1000)

    following(play)


def test_where_nothing_can_be_heard_many_who_ask_at_once_cost_one_list() -> None:
    async def play(it: Following) -> None:
        await it.names(keep=1000)
        await calm(10)
        it.deafen()
        await calm(100)
        it.pod("a")
        asked = it.lists
        found = await asyncio.gather(*(it.names(f"{number}") for number in range(50)))
        assert found == [["a"]] * 50
        assert it.lists == asked + 1
        it.wire.refuses = lambda _, __: refusal(0, "no answer")
        await calm(1)
        failed = await asyncio.gather(*(it.ask(who) for who in "abc"), return_exceptions=True)
        assert all(isinstance(each, ApiError) for each in failed)

    following(play)


def test_where_nothing_can_be_heard_who_asks_is_not_told_of_a_list_of_long_before() -> None:
    async def play(it: Following) -> None:
        await it.names(keep=1000)
        await calm(10)
        it.deafen()
        await calm(100)
        it.wire.answer_lag = 5
        first = asyncio.create_task(it.names("first"))
        await calm(7)
        it.pod("late")
        asked = it.lists
        second, third = await asyncio.gather(it.names("second"), it.names("third"))
        assert await first == []
        assert second == third == ["late"]
        assert it.lists == asked + 1

    following(play)


def test_a_list_that_takes_long_is_not_given_up_while_somebody_waits_for_it() -> None:
    async def play(it: Following) -> None:
        it.pod("a")
        await it.ask(keep=1)
        await calm(1)
        it.deafen()
        await calm(2.6)
        it.wire.answer_lag = 10
        assert await it.names(keep=1) == ["a"]

    following(play)


def test_a_list_of_long_ago_that_nobody_has_watched_since_is_listed_again() -> None:
    async def play(it: Following) -> None:
        it.wire.answer_lag = 5
        alone = asyncio.create_task(it.ask(keep=1000))
        await calm(1)
        alone.cancel()
        await calm(100)
        it.wire.answer_lag = 0.001
        it.pod("new")
        assert await it.names() == ["new"]

    following(play)


def test_closed_while_they_are_listed_again_it_leaves_nothing_behind() -> None:
    async def play(it: Following) -> None:
        await it.names(keep=1000)
        await calm(10)
        it.deafen()
        await calm(100)
        it.wire.answer_lag = 5
        waiting = asyncio.create_task(it.ask("b"))
        await calm(1)
        await it.follows.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert asyncio.all_tasks() == {asyncio.current_task()}

    following(play)


def test_a_watch_that_ends_and_is_opened_at_once_costs_no_list() -> None:
    async def play(it: Following) -> None:
        await it.names()
        await calm(10)
        for _ in range(20):
            it.wire.cut()
            await it.names()
            await calm(10)
        assert it.lists == 1

    following(play)


def test_closed_it_leaves_nothing_behind() -> None:
    async def play(it: Following) -> None:
        await it.names()
        it.wire.answer_lag = 5
        waiting = asyncio.create_task(it.ask("b", WEB._replace(labels="app=db")))
        await calm(1)
        assert len(it.follows) == 2
        await it.follows.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (len(it.follows), it.watches) == (0, 0)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert others == set()

    following(play)


def test_what_has_not_changed_is_not_made_again() -> None:
    async def play(it: Following) -> None:
        made: list[str] = []

        def make(raw: Json) -> str:
            made.append(name(raw))
            return f"{name(raw)}: {raw['metadata']['labels'].get('colour', 'grey')}"

        for pod in "abc":
            it.pod(pod)
        followed = await it.ask()
        assert followed.each(make, "x") == followed.each(make, "x") == ["a: grey", "b: grey", "c: grey"]
        assert made == ["a", "b", "c"]
        it.cluster.change(POD, "b", {"metadata": {"labels": {"colour": "red"}}})
        it.cluster.delete(POD, "c")
        it.pod("d")
        await calm(1)
        assert followed.each(make, "x") == ["a: grey", "b: red", "d: grey"]
        assert made == ["a", "b", "c", "b", "d"]
        assert followed.each(name, "y") == ["a", "b", "d"], "another maker makes its own"

    following(play)


# As an author sees it.


async def count(gadget: Gadget, world: World) -> GadgetStatus:
    """Say which Pods there are."""
    names = await world.select(Pod, f"app={gadget.name}", lambda pod: pod.name, keep=gadget.spec.size)
    return GadgetStatus(phase=",".join(names)).ready("Fine")


def test_a_change_of_what_a_reconcile_has_selected_leads_to_another_look() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(POD, "a", metadata={"labels": {"app": "one"}})
        cluster.create(GADGET, "one", spec={"size": 60})
        async with operating(count, cluster, follows=[Pod], owns=[]) as it:
            await until(lambda: phase(it) == "a", "it is seen")
            cluster.create(POD, "b", metadata={"labels": {"app": "one"}})
            await until(lambda: phase(it) == "a,b", "the other one is seen", 2)
            cluster.delete(POD, "a")
            await until(lambda: phase(it) == "b", "it is gone", 2)
            looks = len(it.results)
            cluster.create(POD, "c", metadata={"labels": {"app": "two"}})
            await calm(10)
            assert len(it.results) == looks, "others are nobody's business"
            await it.stage.follows.close()

    run(main())


def test_what_was_selected_long_ago_leads_to_no_look() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={"size": 5})
        async with operating(count, cluster, follows=[Pod], owns=[]) as it:
            await until(lambda: it.results, "it was looked at")
            await calm(60)
            looks = len(it.results)
            cluster.create(POD, "a", metadata={"labels": {"app": "one"}})
            await calm(60)
            assert len(it.results) == looks
            assert len(it.stage.follows) == 0

    run(main())


def test_what_was_not_declared_cannot_be_selected() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={})
        said: list[str] = []

        async def careless(gadget: Gadget, world: World) -> GadgetStatus:
            try:
                return await count(gadget, world)
            except DeclarationError as error:
                said.append(str(error))
                return GadgetStatus()

        async with operating(operator_of(careless, owns=[]), cluster):
            await until(lambda: said, "it is told")
        assert "it selects objects of kind Pod, and does not say so" in said[0]
        assert "follows=[Pod]" in said[0]

    run(main())
