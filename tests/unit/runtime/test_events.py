import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rumpf.kinds import Kind
from rumpf.resource import ObjectMeta
from rumpf.runtime.events import Limits, Recorder
from tests.unit.runtime.clockwork import clock, run
from tests.unit.runtime.shelf import Line, Shelf, refusal

MESSAGE = Kind("myorg.dev", "v1", "Message", "messages")
HELLO = ObjectMeta(name="hello", namespace="team", uid="uid-of-hello")


class Teller:
    """A recorder, where it posts, and what became of what it was given."""

    def __init__(self, shelf: Shelf, limits: Limits) -> None:
        self.shelf = shelf
        self.line = Line(shelf)
        self.outcomes: list[str] = []
        self.busy = False
        self.recorder = Recorder(
            self.line,
            "message-operator",
            "message-operator-0_1",
            noted=self.outcomes.append,
            busy=lambda: self.busy,
            limits=limits,
        )

    def note(
        self, message: str = "Pod msg-hello was created", reason: str = "Created", about: ObjectMeta = HELLO
    ) -> None:
        self.recorder.note(MESSAGE, about, "Normal", reason, message)

    @property
    def events(self) -> list[dict[str, Any]]:
        return list(self.shelf.objects.values())


@asynccontextmanager
async def telling(limits: Limits | None = None) -> AsyncGenerator[Teller]:
    teller = Teller(Shelf(), limits or Limits())
    async with teller.recorder:
        yield teller


def test_an_event_says_what_happened_to_what_and_who_says_so() -> None:
    async def story() -> None:
        async with telling() as teller:
            teller.note()
            await asyncio.sleep(0.1)
            (path, event), *more = teller.shelf.objects.items()
            assert not more
            assert path.startswith("/apis/events.k8s.io/v1/namespaces/team/events/hello.")
            name, version = event["metadata"]["name"], event["metadata"]["resourceVersion"]
            assert event.pop("eventTime").endswith("Z")
            assert event == {
                "apiVersion": "events.k8s.io/v1",
                "kind": "Event",
                "metadata": {"name": name, "namespace": "team", "resourceVersion": version},
                "reportingController": "message-operator",
                "reportingInstance": "message-operator-0_1",
                "action": "Reconcile",
                "type": "Normal",
                "reason": "Created",
                "note": "Pod msg-hello was created",
                "regarding": {
                    "apiVersion": "myorg.dev/v1",
                    "kind": "Message",
                    "namespace": "team",
                    "name": "hello",
                    "uid": "uid-of-hello",
                },
            }
            assert teller.outcomes == ["posted"]

    run(story())


def test_an_object_without_a_namespace_has_its_events_in_default() -> None:
    async def story() -> None:
        async with telling() as teller:
            teller.note(about=ObjectMeta(name="whole", uid="1"))
            await asyncio.sleep(0.1)
            assert teller.events[0]["metadata"]["namespace"] == "default"
            assert "namespace" not in teller.events[0]["regarding"]

    run(story())


def test_the_same_again_counts_up_and_is_not_posted_again() -> None:
    async def story() -> None:
        async with telling() as teller:
            for _ in range(7):
                teller.note()
                await asyncio.sleep(1)
            await asyncio.sleep(10)
            assert len(teller.events) == 1
            assert teller.events[0]["series"]["count"] == 7
            assert teller.events[0]["series"]["lastObservedTime"] >= teller.events[0]["eventTime"]

    run(story())


def test_what_repeats_all_the_time_is_written_now_and_then() -> None:
    async def story() -> None:
        async with telling(Limits(count_every=10)) as teller:
            for _ in range(1000):
                teller.note()
                await asyncio.sleep(0.1)
            assert len(teller.events) == 1
            assert 9 <= teller.outcomes.count("counted") <= 11
            await asyncio.sleep(10)
            assert teller.events[0]["series"]["count"] == 1000

    run(story())


def test_what_repeats_before_it_was_posted_is_posted_with_its_count() -> None:
    async def story() -> None:
        async with telling() as teller:
            for _ in range(5):
                teller.note()
            await asyncio.sleep(1)
            assert [event["series"]["count"] for event in teller.events] == [5]
            assert len(teller.shelf.asked) == 1

    run(story())


@pytest.mark.parametrize("changed", ["reason", "message", "object", "type"])
def test_what_differs_in_anything_is_an_event_of_its_own(changed: str) -> None:
    async def story() -> None:
        async with telling() as teller:
            teller.note()
            other = (
                HELLO if changed != "object" else ObjectMeta(name="hello", namespace="team", uid="another")
            )
            teller.recorder.note(
                MESSAGE,
                other,
                "Warning" if changed == "type" else "Normal",
                "Replaced" if changed == "reason" else "Created",
                "Something else" if changed == "message" else "Pod msg-hello was created",
            )
            await asyncio.sleep(1)
            assert len(teller.events) == 2
            assert len({event["metadata"]["name"] for event in teller.events}) == 2

    run(story())


def test_the_same_after_a_long_time_is_news() -> None:
    async def story() -> None:
        async with telling(Limits(window=360)) as teller:
            teller.note()
            await asyncio.sleep(361)
            teller.note()
            await asyncio.sleep(1)
            assert len(teller.events) == 2

    run(story())


def test_an_event_that_kubernetes_has_forgotten_begins_anew() -> None:
    async def story() -> None:
        async with telling() as teller:
            teller.note()
            await asyncio.sleep(20)
            teller.shelf.objects.clear()
            teller.note()
            await asyncio.sleep(1)
            assert [event["series"]["count"] for event in teller.events] == [2]

    run(story())


def test_to_note_takes_microseconds_however_slow_the_api_server_is() -> None:
    async def story() -> None:
        async with telling(Limits(flush=0)) as teller:
            teller.line.cut = True
            begun = time.perf_counter()
            for number in range(2000):
                teller.note(about=ObjectMeta(name=f"m-{number}", namespace="team", uid=str(number)))
            assert (time.perf_counter() - begun) / 2000 < 100e-6
            assert teller.recorder.waiting == 2000

    run(story())


def test_of_a_flood_the_oldest_are_dropped_and_counted() -> None:
    async def story() -> None:
        async with telling(Limits(waiting=10)) as teller:
            for number in range(25):
                teller.note(about=ObjectMeta(name=f"m-{number}", namespace="team", uid=str(number)))
            await asyncio.sleep(1)
            assert sorted(event["regarding"]["uid"] for event in teller.events) == [
                str(number) for number in range(15, 25)
            ]
            assert teller.outcomes.count("dropped") == 15
            teller.note(about=ObjectMeta(name="m-0", namespace="team", uid="0"))
            await asyncio.sleep(1)
            assert len(teller.events) == 11

    run(story())


def test_one_object_that_talks_too_much_is_held_back_and_others_are_not() -> None:
    async def story() -> None:
        async with telling(Limits(burst=25, refill=20)) as teller:
            for number in range(100):
                teller.note(f"this is number {number}")
            teller.note(about=ObjectMeta(name="quiet", namespace="team", uid="quiet"))
            await asyncio.sleep(1)
            assert len(teller.events) == 26
            assert teller.outcomes.count("limited") == 75
            await asyncio.sleep(40)
            for number in range(100, 110):
                teller.note(f"this is number {number}")
            await asyncio.sleep(1)
            assert len(teller.events) == 28

    run(story())


def test_events_wait_while_there_is_work_but_not_for_ever() -> None:
    async def story() -> None:
        async with telling(Limits(patience=10)) as teller:
            teller.busy = True
            teller.note("first")
            await asyncio.sleep(5)
            teller.note("second")
            assert teller.events == []
            await asyncio.sleep(6)
            assert [event["note"] for event in teller.events] == ["first"]
            teller.busy = False
            await asyncio.sleep(0.2)
            assert [event["note"] for event in teller.events] == ["first", "second"]

    run(story())


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_what_the_api_server_cannot_take_now_is_told_later(status: int) -> None:
    async def story() -> None:
        async with telling() as teller:
            teller.line.refuses = lambda _, __: refusal(status, "away")
            teller.note("first")
            await asyncio.sleep(20)
            assert teller.events == []
            teller.note("second")
            teller.line.refuses = lambda _, __: None
            await asyncio.sleep(30)
            assert [event["note"] for event in teller.events] == ["first", "second"]
            assert teller.outcomes == ["posted", "posted"]

    run(story())


def test_an_answer_that_was_lost_makes_no_second_event() -> None:
    async def story() -> None:
        async with telling() as teller:
            teller.line.deaf = True
            teller.note()
            await asyncio.sleep(1)
            assert len(teller.events) == 1
            teller.line.deaf = False
            await asyncio.sleep(60)
            assert len(teller.events) == 1
            assert teller.outcomes == ["posted"]

    run(story())


def test_what_happens_again_while_it_is_posted_is_counted() -> None:
    async def story() -> None:
        async with telling() as teller:
            teller.line.there = teller.line.back = 1
            teller.note()
            await asyncio.sleep(1.5)
            teller.note()
            await asyncio.sleep(20)
            assert [event["series"]["count"] for event in teller.events] == [2]

    run(story())


def test_what_happened_again_before_a_lost_answer_was_missed_is_counted() -> None:
    async def story() -> None:
        async with telling() as teller:
            teller.line.deaf = True
            teller.note()
            await asyncio.sleep(1)
            teller.note()
            teller.line.deaf = False
            await asyncio.sleep(60)
            assert [event["series"]["count"] for event in teller.events] == [2]

    run(story())


def test_what_is_refused_is_lost_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with telling() as teller:
            teller.line.refuses = lambda _, __: refusal(403, "Forbidden")
            teller.note("first")
            teller.note("second")
            await asyncio.sleep(1)
            assert teller.outcomes == ["failed", "failed"]
            warned = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
            assert warned == ["Events are lost: Forbidden (403)"]

    run(story())


def test_an_event_that_cannot_be_told_keeps_no_other_from_being_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        async with telling() as teller:
            teller.line.refuses = lambda _, __: ValueError("cannot be written as JSON")
            teller.note("first")
            await asyncio.sleep(1)
            teller.line.refuses = lambda _, __: None
            teller.note("second")
            await asyncio.sleep(1)
            assert [event["note"] for event in teller.events] == ["second"]

    run(story())
    assert "cannot be written as JSON" in caplog.text


def test_at_the_end_all_that_waits_is_told_at_once() -> None:
    async def story() -> None:
        teller = Teller(Shelf(), Limits())
        async with teller.recorder:
            teller.note("twice")
            await asyncio.sleep(1)
            teller.note("twice")
            teller.busy = True
            for number in range(20):
                teller.note(f"number {number}")
            begun = clock().time()
        assert clock().time() - begun < 1
        assert len(teller.events) == 21
        assert teller.events[0]["series"]["count"] == 2

    run(story())


def test_the_end_waits_three_seconds_for_an_api_server_that_is_away_and_counts_the_rest() -> None:
    async def story() -> None:
        teller = Teller(Shelf(), Limits(flush=3))
        async with teller.recorder:
            teller.line.cut = True
            for number in range(5):
                teller.note(f"number {number}")
            begun = clock().time()
        assert clock().time() - begun == pytest.approx(3, abs=0.1)
        assert teller.outcomes == ["dropped"] * 5

    run(story())


@pytest.mark.parametrize("text", ["x" * 5000, "ä" * 5000, "한" * 5000, "🙂" * 5000])
def test_a_note_that_is_too_long_is_cut_to_the_bytes_that_kubernetes_takes(text: str) -> None:
    async def story() -> None:
        async with telling() as teller:
            teller.note(text)
            await asyncio.sleep(1)
            note = teller.events[0]["note"]
            assert 1020 < len(note.encode()) <= 1024
            assert note.endswith("…")
            assert text.startswith(note[:-1])

    run(story())


def test_a_text_that_is_no_unicode_is_told_all_the_same() -> None:
    async def story() -> None:
        async with telling() as teller:
            teller.note("broken \udc80")
            await asyncio.sleep(1)
            assert teller.events[0]["note"] == "broken ?"

    run(story())


def test_the_name_of_the_longest_object_still_makes_a_name() -> None:
    async def story() -> None:
        async with telling() as teller:
            teller.note(about=ObjectMeta(name=f"{'m' * 235}.{'m' * 17}", namespace="team", uid="1"))
            await asyncio.sleep(1)
            name = teller.events[0]["metadata"]["name"]
            assert len(name) <= 253
            assert ".." not in name

    run(story())


def test_only_so_many_are_remembered_and_the_oldest_is_news_again() -> None:
    async def story() -> None:
        async with telling(Limits(remembered=100)) as teller:
            for number in (*range(101), 100, 0):
                teller.note(about=ObjectMeta(name=f"m-{number}", namespace="team", uid=str(number)))
                await asyncio.sleep(0.1)
            assert len(teller.events) == 102

    run(story())
