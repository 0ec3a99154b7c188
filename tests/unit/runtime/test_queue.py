import asyncio
from contextlib import suppress

from rumpf.runtime.queue import Queue, Urgency
from tests.unit.runtime.clockwork import clock, run


async def taken(queue: Queue[str]) -> list[str]:
    """Take all that is there, one after the other."""
    found: list[str] = []
    while queue.depth:
        key = await queue.take()
        assert key is not None
        found.append(key)
        queue.done(key)
    return found


def test_what_is_urgent_comes_first_and_otherwise_who_came_first() -> None:
    async def main() -> None:
        queue: Queue[str] = Queue()
        queue.add("look 1", Urgency.LOOK)
        queue.add("look 2", Urgency.LOOK)
        queue.add("changed", Urgency.CHANGED)
        queue.add("asked", Urgency.ASKED)
        assert await taken(queue) == ["asked", "changed", "look 1", "look 2"]

    run(main())


def test_a_key_that_becomes_more_urgent_is_worked_on_earlier_and_once() -> None:
    async def main() -> None:
        queue: Queue[str] = Queue()
        queue.add("other", Urgency.CHANGED)
        queue.add("key", Urgency.LOOK)
        queue.add("key", Urgency.ASKED)
        queue.add("key", Urgency.LOOK)
        assert queue.depth == 2
        assert await taken(queue) == ["key", "other"]

    run(main())


def test_what_was_begun_is_gone_on_with_while_more_is_asked_for() -> None:
    async def main() -> None:
        queue: Queue[str] = Queue()
        for number in range(20):
            queue.add(f"asked {number}", Urgency.ASKED)
            queue.add(f"changed {number}", Urgency.CHANGED)
        found = await taken(queue)
        assert found[:4] == ["asked 0", "changed 0", "asked 1", "changed 1"]
        for what in ("asked", "changed"):
            assert sum(each.startswith(what) for each in found[:20]) == 10

    run(main())


def test_looks_after_a_start_do_not_make_it_busy() -> None:
    async def main() -> None:
        queue: Queue[str] = Queue()
        for key in ("a", "b", "c", "d"):
            queue.add(key, Urgency.LOOK)
        assert (queue.depth, queue.busy) == (4, False)
        assert [await queue.take(), await queue.take()] == ["a", "b"]
        assert (queue.active, queue.busy) == (2, False)
        queue.add("d", Urgency.ASKED)
        assert (queue.active, queue.busy) == (2, True)
        assert await queue.take() == "d"
        assert (queue.active, queue.busy) == (3, False), "nothing but d, who may ask"
        queue.add("e")
        assert await queue.take() == "e"
        assert (queue.active, queue.busy) == (4, True)
        for key in ("a", "b", "d", "e"):
            queue.done(key)
        assert (queue.active, queue.busy) == (0, False)
        assert await taken(queue) == ["c"]

    run(main())


def test_who_is_not_urgent_is_not_starved() -> None:
    async def main() -> None:
        queue: Queue[str] = Queue()
        queue.add("patient", Urgency.LOOK)
        for number in range(30):
            queue.add(f"urgent {number}", Urgency.ASKED)
        assert "patient" in (await taken(queue))[:10]

    run(main())


def test_a_key_is_worked_on_by_one_worker_at_a_time_and_once_more_if_it_came_again() -> None:
    async def main() -> None:
        queue: Queue[str] = Queue()
        queue.add("key")
        assert await queue.take() == "key"
        queue.add("key", Urgency.LOOK)
        queue.add("key", Urgency.ASKED)
        assert queue.depth == 0, "nobody else may have it now"
        queue.done("key")
        assert await taken(queue) == ["key"]
        assert queue.active == 0

    run(main())


def test_workers_wait_until_there_is_something_for_each() -> None:
    async def main() -> None:
        queue: Queue[str] = Queue()
        workers = [asyncio.create_task(queue.take()) for _ in range(3)]
        await asyncio.sleep(1)
        for key in ("a", "b", "c"):
            queue.add(key)
        assert sorted(map(str, await asyncio.gather(*workers))) == ["a", "b", "c"]

    run(main())


def test_a_key_calls_one_worker_and_leaves_the_others_alone() -> None:
    async def main() -> None:
        queue: Queue[str] = Queue()
        workers = [asyncio.create_task(queue.take()) for _ in range(8)]
        await asyncio.sleep(1)
        queue.add("key")
        assert len(queue._idle) == 7  # noqa: SLF001 - to be left alone is nothing that one can ask for
        await asyncio.sleep(1)
        assert [worker.result() for worker in workers if worker.done()] == ["key"]
        queue.close()
        await asyncio.gather(*workers)

    run(main())


def test_a_worker_that_is_cancelled_while_it_waits_takes_no_key_along() -> None:
    async def main() -> None:
        queue: Queue[str] = Queue()
        cancelled, other = (asyncio.create_task(queue.take()) for _ in range(2))
        await asyncio.sleep(1)
        queue.add("key")
        cancelled.cancel()
        with suppress(asyncio.CancelledError):
            await cancelled
        assert await other == "key"
        waiting, gone = (asyncio.create_task(queue.take()) for _ in range(2))
        await asyncio.sleep(1)
        gone.cancel()
        await asyncio.sleep(1)
        queue.add("another")
        assert await waiting == "another"

    run(main())


def test_a_look_that_is_due_later_comes_when_it_is_due() -> None:
    async def main() -> None:
        queue: Queue[str] = Queue()
        begun = clock().time()
        for seconds in (30, 10, 20):
            queue.add_later(f"in {seconds}", seconds)
        for seconds in (10, 20, 30):
            assert await queue.take() == f"in {seconds}"
            assert round(clock().time() - begun, 3) == seconds

    run(main())


def test_of_two_looks_that_are_due_the_earlier_one_counts() -> None:
    async def main() -> None:
        queue: Queue[str] = Queue()
        begun = clock().time()
        for seconds in (20, 10, 30):
            queue.add_later("key", seconds)
        assert await queue.take() == "key"
        assert round(clock().time() - begun, 3) == 10
        queue.done("key")
        await asyncio.sleep(100)
        assert queue.depth == 0, "the others are not due any more"

    run(main())


def test_a_change_does_not_wait_for_a_look_that_is_due_later_and_takes_its_place() -> None:
    async def main() -> None:
        queue: Queue[str] = Queue()
        queue.add_later("key", 10)
        queue.add("key")
        assert await taken(queue) == ["key"]
        await asyncio.sleep(100)
        assert queue.depth == 0

    run(main())


def test_a_look_that_is_due_while_the_key_is_worked_on_comes_afterwards() -> None:
    async def main() -> None:
        queue: Queue[str] = Queue()
        queue.add("key")
        await queue.take()
        queue.add_later("key", 10)
        await asyncio.sleep(20)
        queue.done("key")
        assert await taken(queue) == ["key"]

    run(main())


def test_what_is_forgotten_is_not_looked_at_later() -> None:
    async def main() -> None:
        queue: Queue[str] = Queue()
        queue.add_later("key", 10)
        queue.forget("key")
        await asyncio.sleep(100)
        assert queue.depth == 0

    run(main())


def test_looks_that_never_come_to_be_due_do_not_pile_up() -> None:
    async def main() -> None:
        queue: Queue[str] = Queue()
        for _ in range(1_000):
            clock().freeze(0.01)
            queue.add_later("key", 3600)
            queue.add("key")
            await taken(queue)
        assert len(queue._later) < 100  # noqa: SLF001 - memory is nothing that one can ask for
        queue.add_later("key", 3600)
        assert await queue.take() == "key"

    run(main())


def test_a_closed_queue_sends_everybody_home() -> None:
    async def main() -> None:
        queue: Queue[str] = Queue()
        workers = [asyncio.create_task(queue.take()) for _ in range(3)]
        queue.add_later("late", 10)
        await asyncio.sleep(1)
        queue.close()
        assert await asyncio.gather(*workers) == [None, None, None]
        queue.add("more")
        assert await queue.take() is None

    run(main())
