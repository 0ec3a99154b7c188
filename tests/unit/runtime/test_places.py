"""Places of which there are so many: who has one, who waits, whose turn it is."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from rumpf import Refused, Waiting, World
from rumpf.runtime.places import Places
from tests.unit.runtime.clockwork import run
from tests.unit.runtime.cluster import Cluster
from tests.unit.runtime.operating import (
    GADGET,
    Gadget,
    GadgetStatus,
    Operating,
    calm,
    operating,
    phase,
    until,
)
from tests.unit.runtime.shelf import refusal


@dataclass
class Seats:
    """Places, and who was woken for one."""

    places: Places = field(default_factory=Places)
    most: int = 1
    _woken: list[str] = field(default_factory=list)

    def ask(self, *names: str) -> str:
        """Ask for each in turn; return who has got one."""
        return "".join(name for name in names if self._reserve(name))

    def looked(self, *names: str) -> None:
        """End a look of each."""
        for name in names:
            self.places.looked(name)

    def woken(self) -> str:
        """Return who was woken, and forget it."""
        found, self._woken = "".join(self._woken), []
        return found

    def _reserve(self, name: str) -> bool:
        return self.places.reserve("seats", self.most, name, lambda: self._woken.append(name))


def test_who_came_first_is_woken_first_and_each_once() -> None:
    seats = Seats(most=2)
    assert seats.ask(*"abcde") == "ab"
    seats.looked(*"abcde")
    assert seats.ask("d", "c") == "", "who asks again stands where it stood"
    seats.looked("d", "c")
    seats.places.release("seats", "b")
    seats.places.release("seats", "b")
    assert seats.woken() == "c"
    seats.places.forget("a")
    assert seats.woken() == "d"
    assert seats.ask(*"edc") == "dc"
    assert seats.woken() == ""


def test_a_place_is_kept_for_whoever_is_first_in_line() -> None:
    seats = Seats()
    assert seats.ask(*"abc") == "a"
    seats.places.release("seats", "a")
    assert seats.ask("a", "new", "c") == ""
    assert seats.ask("b") == "b"


def test_who_was_woken_and_does_not_ask_lets_the_next_have_its_turn() -> None:
    seats = Seats()
    seats.ask(*"abcd")
    seats.looked(*"abcd")
    seats.places.release("seats", "a")
    seats.looked("b")
    assert seats.woken() == "bc"
    seats.places.forget("c")
    assert seats.woken() == "d"
    assert seats.ask("b", "d") == "d", "it has to line up again"


def test_who_gives_back_what_it_has_not_goes_on_to_wait() -> None:
    seats = Seats()
    seats.ask("a", "b")
    seats.places.release("seats", "b")
    seats.looked("b")
    seats.places.release("seats", "a")
    assert seats.woken() == "b"


def test_a_look_that_failed_and_is_made_again_soon_costs_no_turn() -> None:
    seats = Seats()
    seats.ask("a", "b", "c")
    seats.looked("b", "c")
    seats.places.looked("b", again=True)
    seats.places.release("seats", "a")
    assert seats.ask("c", "b") == "b"
    assert seats.woken() == "b"


def test_a_turn_that_comes_between_two_looks_that_do_not_want_it_any_more_is_not_lost() -> None:
    seats = Seats()
    seats.ask("a", "b", "c")
    seats.looked("c")
    seats.places.looked("b", again=True)
    seats.places.release("seats", "a")
    seats.looked("b")
    assert seats.woken() == "bc"


def test_who_cannot_go_on_gives_its_place_back_and_is_the_first_to_have_one_again() -> None:
    seats = Seats()
    seats.ask(*"abc")
    seats.looked(*"abc")
    seats.places.put_off("a")
    assert seats.woken() == "b"
    assert seats.ask("b", "a") == "b"
    seats.places.release("seats", "b")
    assert seats.woken() == "a"
    assert seats.ask("c", "a") == "a"


def test_who_had_a_place_is_first_in_line_until_it_has_one_again() -> None:
    seats = Seats()
    seats.ask(*"abc")
    seats.looked(*"abc")
    seats.places.put_off("a")
    assert seats.ask("b", "a") == "b"
    seats.places.put_off("a")
    assert seats.ask("a") == ""
    seats.woken()
    seats.places.release("seats", "b")
    assert seats.woken() == "a"
    assert seats.ask("a") == "a"


def test_who_has_come_to_want_no_place_that_is_free_lets_the_next_have_its_turn() -> None:
    seats = Seats(most=2)
    seats.ask(*"abcd")
    seats.looked(*"abcd")
    seats.places.release("seats", "b")
    assert seats.woken() == "c"
    seats.most = 1
    assert seats.ask("c") == ""
    assert seats.woken() == "d"


def test_who_only_waited_and_cannot_go_on_lines_up_again() -> None:
    seats = Seats()
    seats.ask(*"abc")
    seats.places.put_off("b")
    assert seats.ask("b") == ""
    seats.places.release("seats", "a")
    assert seats.woken() == "c"


def test_one_who_knows_of_fewer_places_keeps_nobody_else_from_the_others() -> None:
    seats = Seats(most=2)
    seats.ask("a", "b")
    seats.most = 0
    assert seats.ask("none") == ""
    seats.most = 2
    seats.ask("c")
    seats.places.release("seats", "a")
    assert seats.woken() == "c"


def test_nothing_is_remembered_of_who_is_gone() -> None:
    seats = Seats()
    seats.ask(*"abcd")
    seats.places.put_off("a")
    for name in "dacb":
        seats.places.forget(name)
    assert len(seats.places) == 0
    seats.ask("a", "b")
    seats.places.put_off("a")
    seats.looked("a", "b")
    seats.looked("b")
    assert len(seats.places) == 0, "it came back, and wanted none"
    assert not seats.places._lines  # noqa: SLF001 - memory is nothing that one can ask for


# As an author sees it: `text` says what a Gadget does, `size` how long.


async def sit(gadget: Gadget, world: World) -> GadgetStatus:
    """Take the only seat, as long as that is wanted; or do nothing but look."""
    match gadget.spec.text:
        case "sit":
            sits = world.reserve("seat", 1)
            return GadgetStatus(phase="sits" if sits else "waits").ready("Fine")
        case "stand":
            world.release("seat")
        case "refuse":
            raise Refused("Broken", "it cannot be")
        case "wait":
            raise Waiting("Warming", "a while", again=3600)
        case "break":
            raise refusal(500, "InternalError")
        case _:
            pass
    return GadgetStatus(phase=gadget.spec.text).ready("Fine")


def sitting(play: Callable[[Operating], Awaitable[None]]) -> None:
    """Play with Gadgets a, b and c, of which a has the seat and the others wait, in this order."""

    async def main() -> None:
        cluster = Cluster()
        async with operating(sit, cluster) as it:
            for name in "abc":
                cluster.create(GADGET, name, spec={"text": "sit"})
                await calm(5)
            assert [phase(it, name) for name in "abc"] == ["sits", "waits", "waits"]
            await play(it)

    run(main())


def do(it: Operating, name: str, what: str) -> None:
    it.cluster.change(GADGET, name, {"spec": {"text": what}})


async def sits(it: Operating, name: str, seconds: float = 2) -> None:
    await until(lambda: phase(it, name) == "sits", f"{name} has the seat", seconds)


@pytest.mark.parametrize("what", ["stand", "refuse", "damn", "deleted", "goes"])
def test_whoever_is_next_is_woken_as_soon_as_a_place_is_free(what: str) -> None:
    async def play(it: Operating) -> None:
        if what == "goes":
            it.cluster.change(GADGET, "a", {"metadata": {"finalizers": ["somebody/elses"]}})
        if what in {"deleted", "goes"}:
            it.cluster.delete(GADGET, "a")
        else:
            do(it, "a", what)
        await sits(it, "b")
        await calm(100)
        assert phase(it, "c") == "waits"
        it.cluster.delete(GADGET, "b")
        await sits(it, "c")

    sitting(play)


def test_while_something_is_under_way_a_place_is_kept() -> None:
    async def play(it: Operating) -> None:
        do(it, "a", "wait")
        await calm(1000)
        assert phase(it, "b") == "waits"

    sitting(play)


def test_one_that_fails_again_and_again_keeps_nobody_waiting() -> None:
    async def play(it: Operating) -> None:
        do(it, "a", "break")
        await calm(0.5)
        assert phase(it, "b") == "waits", "once is nothing"
        await sits(it, "b", 10)
        do(it, "a", "sit")
        await until(lambda: phase(it, "a") == "waits", "the other one has it now")
        do(it, "b", "stand")
        await sits(it, "a")
        assert phase(it, "c") == "waits", "who has begun goes on first"

    sitting(play)


@pytest.mark.parametrize("what", ["stand", "refuse", "damn", "break", "deleted"])
def test_a_turn_of_one_that_does_not_want_it_any_more_is_the_next_ones(what: str) -> None:
    async def play(it: Operating) -> None:
        if what == "deleted":
            it.cluster.delete(GADGET, "b")
        else:
            do(it, "b", what)
        it.cluster.delete(GADGET, "a")
        await sits(it, "c", 10)

    sitting(play)


def test_nobody_looks_for_a_place_now_and_then() -> None:
    async def play(it: Operating) -> None:
        it.results.clear()
        await calm(3600)
        assert it.results == []

    sitting(play)


@pytest.mark.parametrize("again", [False, True], ids=["gone", "made anew under its name"])
def test_a_place_that_is_taken_in_a_look_during_which_the_resource_goes_is_free_again(*, again: bool) -> None:
    async def main() -> None:
        cluster, enters, gate = Cluster(), asyncio.Event(), asyncio.Event()

        async def look(gadget: Gadget, world: World) -> GadgetStatus:
            if gadget.spec.text == "slow":
                enters.set()
                await gate.wait()
            elif gadget.spec.text == "idle":
                return GadgetStatus()
            return GadgetStatus(phase="sits" if world.reserve("seat", 1) else "waits").ready("Fine")

        cluster.create(GADGET, "one", spec={"text": "slow"})
        async with operating(look, cluster) as it:
            await enters.wait()
            cluster.delete(GADGET, "one")
            if again:
                cluster.create(GADGET, "one", spec={"text": "idle"})
            await calm(5)
            gate.set()
            await calm(5)
            assert len(it.stage.places) == 0
            cluster.create(GADGET, "two", spec={"text": "fast"})
            await until(lambda: phase(it, "two") == "sits", "it has the seat", 1)

    run(main())


def test_who_leads_again_begins_with_all_places_free_and_nothing_remembered() -> None:
    remembered: list[object] = []

    async def look(gadget: Gadget, world: World) -> GadgetStatus:
        remembered.append(world.memory.get("seen"))
        world.memory["seen"] = True
        sits = gadget.spec.text == "sit" and world.reserve("seat", 1)
        return GadgetStatus(phase="sits" if sits else "waits").ready("Fine")

    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "a", spec={"text": "sit"})
        async with operating(look, cluster) as it:
            await sits(it, "a")
            await it.end()
            cluster.change(GADGET, "a", {"spec": {"text": "none"}})
            cluster.create(GADGET, "b", spec={"text": "sit"})
            await calm(5)
            remembered.clear()
            it.begin()
            await sits(it, "b")
            assert remembered[:2] == [None, None]

    run(main())
