"""From one status to the next: what is recorded, what is put together, how it is said."""

from datetime import timedelta

import pytest

from operators.configwatcher import course
from operators.configwatcher.content import Content
from operators.configwatcher.sources import Sighting
from operators.configwatcher.spec import (
    MANUAL,
    Change,
    ConfigWatcher,
    ConfigWatcherStatus,
    Pending,
    Rollout,
    SourceId,
)
from operators.configwatcher.targets import Targets
from tests.unit.configwatcher.test_gates import NOW, ago, spec_of
from tests.unit.configwatcher.test_targets import pod

Recorded = tuple[ConfigWatcherStatus, course.News | None]
ONE, TWO = SourceId("ConfigMap", "one"), SourceId("ConfigMap", "two")


def content(text: str, *, when: str | None = "2026-01-01T11:59:50Z") -> Content:
    return Content(text, {"key": text}, when)


def watcher(status: ConfigWatcherStatus | None = None) -> ConfigWatcher:
    spec = {"configMaps": [{"name": "one"}, {"name": "two"}], "podSelector": {"matchLabels": {"a": "b"}}}
    made = ConfigWatcher.model_validate({"metadata": {"name": "w", "uid": "w"}, "spec": spec})
    return made.model_copy(update={"status": status or ConfigWatcherStatus()})


def recorded(**found: str) -> ConfigWatcherStatus:
    seen = Sighting({SourceId("ConfigMap", name): content(text) for name, text in found.items()})
    return course.record(watcher(), seen, NOW)[0]


def test_what_is_seen_for_the_first_time_is_no_news_nor_what_is_missing() -> None:
    status, news = course.record(watcher(), Sighting({ONE: content("1")}, missing=(TWO,)), NOW)
    assert news is None
    assert [(each.name, each.hash) for each in status.sources] == [("one", "1"), ("two", None)]


def test_what_is_gone_stays_recorded_and_what_was_missing_has_appeared() -> None:
    before = recorded(one="1")
    status, news = course.record(watcher(before), Sighting({TWO: content("2")}, missing=(ONE,)), NOW)
    assert news is not None
    assert news.appeared
    assert [each.name for each in news.changes] == ["two"]
    assert [(each.name, each.hash) for each in status.sources] == [("one", "1"), ("two", "2")]


def test_what_was_never_there_has_appeared_whichever_keys_matter_by_then() -> None:
    def looked(key: str, sighting: Sighting, before: ConfigWatcherStatus) -> Recorded:
        spec = {"configMaps": [{"name": "one", "keys": [key]}], "podSelector": {"matchLabels": {"a": "b"}}}
        made = ConfigWatcher.model_validate({"metadata": {"name": "w", "uid": "w"}, "spec": spec})
        return course.record(made.model_copy(update={"status": before}), sighting, NOW)

    nowhere = Sighting({}, missing=(ONE,))
    first, _ = looked("a", nowhere, ConfigWatcherStatus())
    second, _ = looked("b", nowhere, first)
    _, news = looked("b", Sighting({ONE: Content("h", {"b": "x"}, None)}), second)
    assert news is not None
    assert news.appeared


def test_what_may_be_read_from_now_on_has_not_appeared() -> None:
    before, news = course.record(watcher(), Sighting({}, missing=(ONE,), withheld=(TWO,)), NOW)
    assert [each.name for each in before.sources] == ["one"]
    found = Sighting({TWO: content("2")}, missing=(ONE,))
    after, news = course.record(watcher(before), found, NOW)
    assert news is None
    assert [(each.name, each.hash) for each in after.sources] == [("one", None), ("two", "2")]
    withheld, _ = course.record(watcher(after), Sighting({}, missing=(ONE,), withheld=(TWO,)), NOW)
    assert withheld.sources == after.sources, "it changes meanwhile, and that is seen when it may be read"


def test_what_appears_beside_what_changed_is_a_change_of_both() -> None:
    _, news = course.record(watcher(recorded(one="1")), Sighting({ONE: content("x"), TWO: content("2")}), NOW)
    assert news is not None
    assert not news.appeared
    assert [each.name for each in news.changes] == ["one", "two"]


def test_where_nobody_knows_when_it_was_written_it_is_taken_for_now() -> None:
    found = Sighting({ONE: content("x", when=None), TWO: content("y")})
    _, news = course.record(watcher(recorded(one="1", two="2")), found, NOW + timedelta(milliseconds=500))
    assert news is not None
    assert news.changed_at == NOW


def news(*changes: Change, seconds_ago: float = 10, appeared: bool = False) -> course.News:
    made = changes or (Change(kind="ConfigMap", name="one", keys=("key",)),)
    return course.News(made, NOW - timedelta(seconds=seconds_ago), appeared)


def test_pods_that_started_before_are_to_be_restarted_and_those_of_before_that_too() -> None:
    old, older, new = pod("old", age=20), pod("older", age=99), pod("new", age=5)
    status = ConfigWatcherStatus(outdated=(older.mark, "gone-012345678"))
    done = course.to_do(status, news(), Targets([old, older, new]), NOW)
    assert set(done.outdated) == {old.mark, older.mark}
    assert done.pending is not None
    assert done.pending.changed_at == ago(10)


@pytest.mark.parametrize("of", [course.asked_for("now", NOW), None])
def test_where_nobody_knows_when_it_was_all_that_are_there_are_older_whatever_clocks_say(
    of: course.News | None,
) -> None:
    change = of or news(seconds_ago=0)._replace(is_dated=False)
    ahead = pod("ahead", age=-7)
    done = course.to_do(ConfigWatcherStatus(), change, Targets([ahead, pod()]), NOW)
    assert ahead.mark in done.outdated
    assert done.pending is not None
    assert done.pending.changed_at == ago(-7)


def test_pods_that_were_outdated_before_are_so_too_if_only_something_appears_then() -> None:
    starting, old = pod("starting", age=3, started=None, ready=False), pod("old")
    status = ConfigWatcherStatus(outdated=(starting.mark,))
    done = course.to_do(status, news(appeared=True), Targets([starting, old]), NOW)
    assert set(done.outdated) == {starting.mark, old.mark}


def test_where_no_pod_is_outdated_nothing_is_to_be_done() -> None:
    done = course.to_do(ConfigWatcherStatus(), news(), Targets([pod(age=5)]), NOW)
    assert done.pending is None
    assert done.outdated == ()


@pytest.mark.parametrize("what", ["pending", "rollout"])
def test_what_waits_or_is_under_way_becomes_one_with_what_is_new(what: str) -> None:
    changes = (Change(kind="ConfigMap", name="one", keys=("a",)), Change(kind="Secret", name="s"))
    waiting = Pending(since=ago(50), seen_at=ago(40), changed_at=ago(41), changes=changes)
    going = Rollout(
        started_at=ago(45), seen_at=ago(50), changed_at=ago(41), changes=changes, progressed_at=ago(1)
    )
    status = ConfigWatcherStatus.model_validate({})
    status = status.model_copy(update={what: waiting if what == "pending" else going})
    done = course.to_do(status, news(), Targets([pod()]), NOW)
    assert done.rollout is None
    assert done.pending is not None
    assert (done.pending.since, done.pending.seen_at, done.pending.changed_at) == (ago(50), ago(0), ago(10))
    assert [(each.name, each.keys) for each in done.pending.changes] == [("s", ()), ("one", ("a", "key"))]


def test_an_earlier_change_makes_the_later_one_no_earlier() -> None:
    late = course.to_do(ConfigWatcherStatus(), news(seconds_ago=1), Targets([pod()]), NOW)
    both = course.to_do(late, news(seconds_ago=30), Targets([pod()]), NOW)
    assert both.pending is not None
    assert both.pending.changed_at == ago(1)


def test_where_some_keys_are_not_known_none_is_said() -> None:
    first = course.to_do(ConfigWatcherStatus(), news(), Targets([pod()]), NOW)
    both = course.to_do(first, news(Change(kind="ConfigMap", name="one")), Targets([pod()]), NOW)
    assert both.pending is not None
    assert both.pending.changes == (Change(kind="ConfigMap", name="one"),)


def test_a_restart_begins_with_the_pods_that_are_still_outdated() -> None:
    old, gone, restarted = pod("old"), pod("gone"), pod("restarted", started=NOW)
    before = NOW - timedelta(seconds=30)
    waiting = Pending(since=ago(30), seen_at=ago(30), changed_at=course.written(before))
    status = ConfigWatcherStatus(outdated=(old.mark, gone.mark, restarted.mark), pending=waiting)
    targets = Targets([old, restarted])
    done = course.begun(spec_of(), status, waiting, targets, wanted=2, now=NOW)
    assert done.rollout is not None
    assert (done.outdated, done.rollout.outdated, done.rollout.pods) == ((old.mark,), 1, 2)
    assert (done.restarts, done.begun_at, done.pending) == ((ago(0),), ago(0), None)


def test_where_all_have_started_since_nothing_begins_and_nothing_is_counted() -> None:
    waiting = Pending(since=ago(30), seen_at=ago(30), changed_at=ago(30))
    status = ConfigWatcherStatus(outdated=("gone-01234567",), pending=waiting)
    done = course.begun(spec_of(), status, waiting, Targets([pod(age=5)]), wanted=1, now=NOW)
    assert done == ConfigWatcherStatus()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ((Change(kind="ConfigMap", name="a", keys=("x", "y")),), "ConfigMap a (x, y)"),
        ((Change(kind="Secret", name="a"),), "Secret a"),
        ((Change(kind=MANUAL, name="now"),), "annotation restart=now"),
        (
            tuple(Change(kind="ConfigMap", name=f"{number}") for number in range(7)),
            "ConfigMap 0, ConfigMap 1, ConfigMap 2, ConfigMap 3, ConfigMap 4 and 2 more",
        ),
        (
            (Change(kind="ConfigMap", name="a", keys=tuple("abcdefgh")),),
            "ConfigMap a (a, b, c, d, e and 3 more)",
        ),
    ],
)
def test_what_changed_is_said_as_people_say_it(changes: tuple[Change, ...], said: str) -> None:
    assert course.in_words(changes) == said
