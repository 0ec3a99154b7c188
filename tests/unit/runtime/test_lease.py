import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest

from rumpf.errors import UsageError
from rumpf.runtime.lease import Lease, Timing
from tests.unit.runtime.clockwork import clock, run
from tests.unit.runtime.shelf import Line, Shelf, refusal

PATH = "/apis/coordination.k8s.io/v1/namespaces/home/leases/message-operator"
TIMING = Timing()
FOLLOWED_WITHIN = TIMING.duration + TIMING.look * 1.1 + 0.1


class Replica:
    """A candidate, and what it was told."""

    def __init__(self, shelf: Shelf, identity: str, labels: Mapping[str, str] | None = None) -> None:
        self.line = Line(shelf)
        self.told: list[tuple[float, str]] = []
        self.lease = Lease(
            self.line,
            "home",
            "message-operator",
            identity,
            on_gain=lambda: self.told.append((clock().time(), "gained")),
            on_loss=lambda why: self.told.append((clock().time(), why)),
            labels=labels or {},
            clock=clock().time,
        )

    def die(self) -> None:
        """Be heard no more, as after SIGKILL."""
        self.line.cut = True


@asynccontextmanager
async def at_work(
    shelf: Shelf, identity: str = "one", labels: Mapping[str, str] | None = None
) -> AsyncGenerator[Replica]:
    """A replica that leads."""
    replica = Replica(shelf, identity, labels)
    async with replica.lease:
        await replica.lease.acquired()
        yield replica


@asynccontextmanager
async def standing_by(shelf: Shelf, identity: str = "two") -> AsyncGenerator[Replica]:
    """A replica that has seen who leads."""
    replica = Replica(shelf, identity)
    async with replica.lease:
        await until(lambda: bool(replica.lease.holder))
        yield replica


async def until(happened: Callable[[], bool]) -> None:
    """Wait until something has happened."""
    for _ in range(100_000):
        if happened():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never happened")


def spec(shelf: Shelf) -> dict[str, Any]:
    found: dict[str, Any] = shelf.objects[PATH]["spec"]
    return found


def foreign(**changes: object) -> dict[str, Any]:
    """A Lease that another program holds."""
    held = {"holderIdentity": "other", "leaseDurationSeconds": 8, "renewTime": "2024-01-01T00:00:00.000000Z"}
    return {"metadata": {"name": "message-operator", "namespace": "home"}, "spec": {**held, **changes}}


def test_a_lone_replica_leads_at_once_and_says_so_in_the_lease() -> None:
    async def story() -> None:
        shelf = Shelf()
        begun = clock().time()
        async with at_work(shelf, labels={"app.kubernetes.io/managed-by": "rumpf"}) as one:
            assert clock().time() - begun < 0.1
            assert one.lease.leading
            assert one.lease.term == 1
            assert one.lease.holder == "one"
            assert TIMING.deadline - 0.1 < one.lease.remaining <= TIMING.deadline
            assert spec(shelf)["holderIdentity"] == "one"
            assert spec(shelf)["leaseDurationSeconds"] == 8
            assert spec(shelf)["leaseTransitions"] == 0
            assert datetime.fromisoformat(spec(shelf)["renewTime"]).utcoffset() is not None
            assert shelf.objects[PATH]["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "rumpf"}

    run(story())


def test_the_leader_stays_the_leader_for_as_long_as_it_renews() -> None:
    async def story() -> None:
        shelf = Shelf()
        async with at_work(shelf) as one, standing_by(shelf) as two:
            for _ in range(6000):
                await asyncio.sleep(0.1)
                assert one.lease.leading
                assert not two.lease.leading
            assert two.lease.holder == "one"
            assert two.lease.remaining == 0
            assert [what for _, what in one.told] == ["gained"]

    run(story())


def test_leading_costs_a_request_every_two_seconds_and_standing_by_one_a_second() -> None:
    async def story() -> None:
        shelf = Shelf()
        async with at_work(shelf), standing_by(shelf):
            shelf.asked.clear()
            await asyncio.sleep(100)
            assert 45 <= shelf.asked.count(("PUT", PATH)) <= 56
            assert 90 <= shelf.asked.count(("GET", PATH)) <= 112
            assert len(shelf.asked) == shelf.asked.count(("PUT", PATH)) + shelf.asked.count(("GET", PATH))

    run(story())


@pytest.mark.parametrize("seed", range(10))
def test_a_leader_that_is_killed_is_followed_within_ten_seconds(seed: int) -> None:
    async def story() -> None:
        random.seed(seed)
        shelf = Shelf()
        async with at_work(shelf) as one, standing_by(shelf) as two:
            await asyncio.sleep(random.uniform(5, 10))  # noqa: S311
            killed = clock().time()
            one.die()
            await two.lease.acquired()
            assert TIMING.duration - TIMING.renew * 1.1 < clock().time() - killed < FOLLOWED_WITHIN < 10
            assert spec(shelf)["leaseTransitions"] == 1

    run(story())


def test_a_leader_that_stops_in_order_is_followed_within_a_second_or_so() -> None:
    async def story() -> None:
        shelf = Shelf()
        async with standing_by_after_the_leader_stops(shelf) as (two, stopped):
            await two.lease.acquired()
            assert clock().time() - stopped < TIMING.look * 1.1 + 0.1

    run(story())


@asynccontextmanager
async def standing_by_after_the_leader_stops(shelf: Shelf) -> AsyncGenerator[tuple[Replica, float]]:
    first = Replica(shelf, "one")
    async with first.lease:
        await first.lease.acquired()
        async with standing_by(shelf) as two:
            await asyncio.sleep(20)
            await first.lease.release()
            assert not first.lease.leading
            assert "holderIdentity" not in spec(shelf)
            assert first.told[-1][1] == "it is handed over"
            yield two, clock().time()
            assert [what for _, what in first.told] == ["gained", "it is handed over"]


def test_a_leader_that_is_cut_off_stops_before_anybody_follows() -> None:
    async def story() -> None:
        shelf = Shelf()
        async with at_work(shelf) as one, standing_by(shelf) as two:
            await asyncio.sleep(30)
            one.line.cut = True
            since = clock().time()
            await one.lease.lost()
            assert clock().time() - since <= TIMING.deadline
            assert "could not be renewed within 5 s" in one.told[-1][1]
            stopped = clock().time()
            await two.lease.acquired()
            assert clock().time() - stopped >= TIMING.duration - TIMING.deadline

    run(story())


def test_a_leader_whose_api_server_comes_back_in_time_goes_on() -> None:
    async def story() -> None:
        shelf = Shelf()
        async with at_work(shelf) as one:
            await asyncio.sleep(10)
            one.line.refuses = lambda _, __: refusal(429, "TooManyRequests", retry_after=30)
            await asyncio.sleep(1.5)
            one.line.refuses = lambda _, __: None
            await asyncio.sleep(30)
            assert one.lease.leading
            assert one.lease.term == 1

    run(story())


def test_when_all_are_cut_off_one_of_them_leads_again_soon_after() -> None:
    async def story() -> None:
        shelf = Shelf()
        async with at_work(shelf) as one, standing_by(shelf) as two:
            one.line.cut = two.line.cut = True
            await asyncio.sleep(60)
            assert not one.lease.leading
            assert not two.lease.leading
            one.line.cut = two.line.cut = False
            # A request that hangs is given up after the deadline, a try comes after at most half a duration.
            await asyncio.sleep(TIMING.deadline + TIMING.duration / 2 * 1.2 + 0.2)
            assert one.lease.leading != two.lease.leading

    run(story())


def test_a_process_that_was_frozen_knows_at_once_that_it_does_not_lead() -> None:
    async def story() -> None:
        async with at_work(Shelf()) as one:
            await asyncio.sleep(10)
            clock().freeze(TIMING.deadline)
            # Nothing has run yet: no timer, no answer.
            assert not one.lease.leading
            assert one.lease.remaining == 0
            assert [what for _, what in one.told] == ["gained"]
            await one.lease.lost()
            assert "could not be renewed" in one.told[-1][1]

    run(story())


def test_an_answer_that_arrived_while_frozen_does_not_make_a_leader() -> None:
    async def story() -> None:
        shelf = Shelf()
        one = Replica(shelf, "one")
        one.line.back = 0.5
        one.line.patient = True
        async with one.lease:
            await until(lambda: PATH in shelf.objects)
            clock().freeze(20)
            shelf.put(PATH, foreign())
            await asyncio.sleep(0.1)
            assert one.told == []
            assert not one.lease.leading
            await asyncio.sleep(2)
            assert one.lease.holder == "other"

    run(story())


def test_a_slow_answer_leaves_the_less_time_to_lead() -> None:
    async def story() -> None:
        shelf = Shelf()
        one = Replica(shelf, "one")
        one.line.back = 2.0
        async with one.lease:
            await one.lease.acquired()
            assert one.lease.remaining <= TIMING.deadline - 2.0

    run(story())


def test_a_renewal_whose_answer_was_lost_costs_no_leadership() -> None:
    async def story() -> None:
        shelf = Shelf()
        async with at_work(shelf) as one:
            await asyncio.sleep(10)
            one.line.deaf = True
            await asyncio.sleep(2.3)
            one.line.deaf = False
            await asyncio.sleep(20)
            assert one.lease.leading
            assert [what for _, what in one.told] == ["gained"]
            assert spec(shelf)["leaseTransitions"] == 0

    run(story())


@pytest.mark.parametrize("other_time", ["1970-01-01T00:00:00.000000Z", "2970-01-01T00:00:00.000000Z"])
def test_nobody_elses_clock_is_believed(other_time: str) -> None:
    async def story() -> None:
        shelf = Shelf()
        shelf.put(PATH, foreign(renewTime=other_time))
        begun = clock().time()
        async with standing_by(shelf) as two:
            await two.lease.acquired()
            assert TIMING.duration <= clock().time() - begun < FOLLOWED_WITHIN

    run(story())


def test_a_holder_is_given_as_long_as_it_says_it_needs() -> None:
    async def story() -> None:
        shelf = Shelf()
        shelf.put(PATH, foreign(leaseDurationSeconds=20))
        begun = clock().time()
        async with standing_by(shelf) as two:
            await two.lease.acquired()
            assert 20 <= clock().time() - begun < 20 + 2

    run(story())


def test_a_change_that_its_holder_did_not_make_keeps_no_dead_leader_alive() -> None:
    async def story() -> None:
        shelf = Shelf()
        shelf.put(PATH, foreign())
        begun = clock().time()
        async with standing_by(shelf) as two:
            for number in range(7):
                await asyncio.sleep(1)
                shelf.put(PATH, shelf.objects[PATH] | {"metadata": {"labels": {"n": str(number)}}})
            await two.lease.acquired()
            assert clock().time() - begun < FOLLOWED_WITHIN

    run(story())


def test_what_others_wrote_into_the_lease_stays_there() -> None:
    async def story() -> None:
        shelf = Shelf()
        held = foreign(holderIdentity="", leaseTransitions=4, strategy="OldestEmulationVersion")
        held["metadata"]["labels"] = {"team": "a"}
        shelf.put(PATH, held)
        async with at_work(shelf):
            assert shelf.objects[PATH]["metadata"]["labels"] == {"team": "a"}
            assert spec(shelf)["strategy"] == "OldestEmulationVersion"
            assert spec(shelf)["leaseTransitions"] == 5

    run(story())


def test_a_leader_that_finds_another_name_in_the_lease_stops_and_says_whose() -> None:
    async def story() -> None:
        shelf = Shelf()
        async with at_work(shelf) as one:
            shelf.put(PATH, foreign())
            await one.lease.lost()
            assert one.told[-1][1] == "other has it"
            assert not one.lease.leading

    run(story())


def test_a_lease_that_somebody_deletes_is_made_anew_by_who_held_it() -> None:
    async def story() -> None:
        shelf = Shelf()
        async with at_work(shelf) as one, standing_by(shelf) as two:
            for _ in range(20):
                del shelf.objects[PATH]
                await asyncio.sleep(2.5)
                assert one.lease.leading
                assert not two.lease.leading
            assert [what for _, what in one.told] == ["gained"]

    run(story())


def test_a_deleted_lease_of_a_dead_leader_is_made_by_the_next_when_its_time_is_over() -> None:
    async def story() -> None:
        shelf = Shelf()
        async with at_work(shelf) as one, standing_by(shelf) as two:
            one.die()
            del shelf.objects[PATH]
            since = clock().time()
            await two.lease.acquired()
            assert TIMING.deadline < clock().time() - since < FOLLOWED_WITHIN

    run(story())


def test_leading_again_is_a_new_term() -> None:
    async def story() -> None:
        shelf = Shelf()
        async with at_work(shelf) as one:
            one.line.refuses = lambda _, __: refusal(500, "InternalError")
            await one.lease.lost()
            one.line.refuses = lambda _, __: None
            await one.lease.acquired()
            assert one.lease.term == 2
            assert [what == "gained" for _, what in one.told] == [True, False, True]

    run(story())


def test_many_that_start_together_agree_on_one() -> None:
    async def story() -> None:
        shelf = Shelf()
        replicas = [Replica(shelf, f"replica-{number}") for number in range(10)]
        for replica in replicas:
            await replica.lease.__aenter__()
        await asyncio.sleep(3)
        assert sum(replica.lease.leading for replica in replicas) == 1
        for replica in replicas:
            await replica.lease.release()

    run(story())


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_to_the_lines_there_are_never_two(seed: int) -> None:
    async def story() -> None:
        chance = random.Random(seed)  # noqa: S311
        random.seed(seed)
        shelf = Shelf()
        replicas = [Replica(shelf, f"replica-{number}") for number in range(3)]
        for replica in replicas:
            await replica.lease.__aenter__()
        end = clock().time() + 300
        led = set[str]()
        while clock().time() < end:
            if chance.random() < 0.02:
                line = chance.choice(replicas).line
                line.cut, line.deaf = chance.random() < 0.4, chance.random() < 0.2
                line.there, line.back = chance.choice([0.001, 0.1, 3.0]), chance.choice([0.001, 0.1, 3.0])
            await asyncio.sleep(0.05)
            leading = [replica.lease.identity for replica in replicas if replica.lease.leading]
            assert len(leading) <= 1
            led.update(leading)
        assert len(led) > 1, "nothing happened that would have mattered"
        for replica in replicas:
            replica.line.cut = False
            await replica.lease.release()

    run(story())


def test_stopping_while_the_api_server_is_away_takes_two_seconds_and_no_more() -> None:
    async def story() -> None:
        shelf = Shelf()
        one = Replica(shelf, "one")
        async with one.lease:
            await one.lease.acquired()
            one.line.cut = True
            begun = clock().time()
        assert clock().time() - begun <= 2.0
        assert not one.lease.leading
        assert one.told[-1][1] == "it is handed over"

    run(story())


def test_a_lease_that_changed_under_a_stopping_leader_is_still_handed_over() -> None:
    async def story() -> None:
        shelf = Shelf()
        async with at_work(shelf) as one:
            shelf.put(PATH, shelf.objects[PATH])
            await one.lease.release()
            assert "holderIdentity" not in spec(shelf)

    run(story())


def test_stopping_does_not_take_the_lease_from_another() -> None:
    async def story() -> None:
        shelf = Shelf()
        async with at_work(shelf) as one:
            shelf.put(PATH, foreign())
            await one.lease.release()
            assert spec(shelf)["holderIdentity"] == "other"

    run(story())


def test_a_standby_that_stops_writes_nothing() -> None:
    async def story() -> None:
        shelf = Shelf()
        async with at_work(shelf):
            before = len(shelf.asked)
            async with standing_by(shelf):
                pass
            assert ("PUT", PATH) not in shelf.asked[before:]

    run(story())


def test_a_refusal_is_logged_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        shelf = Shelf()
        one = Replica(shelf, "one")
        one.line.refuses = lambda _, __: refusal(403, "Forbidden")
        async with one.lease:
            await asyncio.sleep(60)
            warnings = [each for each in caplog.records if each.levelno >= logging.WARNING]
            assert [each.getMessage() for each in warnings] == ["the Lease message-operator: Forbidden (403)"]
            one.line.refuses = lambda _, __: None
            await asyncio.sleep(TIMING.duration)
            assert one.lease.leading

    run(story())


def test_an_error_that_nobody_thought_of_does_not_end_the_campaign(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        shelf = Shelf()
        one = Replica(shelf, "one")
        one.line.refuses = lambda _, __: ValueError("what is this?")
        async with one.lease:
            await asyncio.sleep(5)
            one.line.refuses = lambda _, __: None
            await one.lease.acquired()

    run(story())
    assert "what is this?" in caplog.text


def test_callbacks_that_fail_are_logged_and_change_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail_to_begin() -> None:
        raise ValueError("a slip at the beginning")

    def fail_to_end(_: str) -> None:
        raise ValueError("a slip at the end")

    async def story() -> None:
        shelf = Shelf()
        lease = Lease(
            Line(shelf),
            "home",
            "message-operator",
            "one",
            on_gain=fail_to_begin,
            on_loss=fail_to_end,
            clock=clock().time,
        )
        await lease.__aenter__()
        await asyncio.sleep(20)
        assert lease.leading
        await lease.release()
        assert lease.remaining == 0
        assert "holderIdentity" not in spec(shelf)

    run(story())
    assert "a slip at the beginning" in caplog.text
    assert "a slip at the end" in caplog.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"duration": 5},
        {"renew": 6.0},
        {"renew": 0.0},
        {"deadline": 9.0},
        {"look": 0.0},
    ],
)
def test_a_timing_that_could_make_two_leaders_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="let renew be less than deadline"):
        Timing(**wrong)
