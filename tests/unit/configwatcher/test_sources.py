"""Which sources are asked for, and when a Secret that was made anew is no change."""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest

from operators.configwatcher import course
from operators.configwatcher.sources import Sighting, Sources
from operators.configwatcher.spec import ConfigWatcher, ConfigWatcherStatus, SourceId
from rumpf import Secret, World
from tests.unit.configwatcher.test_gates import NOW

SECRET, CONFIG = SourceId("Secret", "s"), SourceId("ConfigMap", "c")
Json = dict[str, Any]


class Shop:
    """A world with a ConfigMap and a Secret, and a ConfigWatcher of both."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.objects: dict[str, Json] = {}
        self.reads: list[str] = []
        self.grants = True
        self.sources = Sources()
        self.status = ConfigWatcherStatus()
        self.spec: Json = {
            "configMap": "c",
            "secrets": [{"name": "s"}],
            "podSelector": {"matchLabels": {"a": "b"}},
        }
        self._runner, self._version = runner, 0
        self.put("c", "C1", "1")
        self.put("s", "S1", "1")

    def put(self, name: str, uid: str, value: str, **more: str) -> None:
        self._version += 1
        created = "2026-01-01T00:00:00Z"
        metadata = {
            "name": name,
            "uid": uid,
            "resourceVersion": f"{self._version}",
            "creationTimestamp": created,
        }
        self.objects[name] = {"metadata": metadata, "data": {"key": value, **more}}

    def look(self) -> Sighting:
        watcher = ConfigWatcher.model_validate({"metadata": {"uid": "W"}, "spec": self.spec})
        self.watcher = watcher.model_copy(update={"status": self.status})
        return self._runner.run(self.sources.look(self.watcher, cast("World", self)))

    def news(self, *, lost: bool = False) -> list[str]:
        """Return which sources have changed, and record them; unless what is written is lost."""
        sighting = self.look()
        status, news = course.record(self.watcher, sighting, NOW)
        if not lost:
            self.status = status
        return [each.name for each in news.changes] if news else []

    def restart(self) -> None:
        """Have another process go on."""
        self.sources = Sources()

    def asked(self) -> list[str]:
        found, self.reads = self.reads, []
        return found

    # A world, as far as it is looked at.

    def find(self, view: type[Secret], name: str) -> Secret | None:
        return view({"metadata": self.objects[name]["metadata"]}) if name in self.objects else None

    async def read(self, view: type[Secret], name: str) -> Secret | None:
        self.reads.append(name)
        return view(self.objects[name]) if name in self.objects else None

    def granted(self, grant: object) -> bool:
        return self.grants


@pytest.fixture
def shop() -> Iterator[Shop]:
    with asyncio.Runner() as runner:
        yield Shop(runner)


def test_what_was_read_is_not_asked_for_again_until_it_is_another(shop: Shop) -> None:
    shop.look()
    assert shop.asked() == ["c", "s"]
    shop.look()
    assert shop.asked() == []
    shop.put("c", "C1", "1")
    shop.look()
    assert shop.asked() == ["c"]
    shop.spec["secrets"] = [{"name": "s", "keys": ["key"]}]
    shop.look()
    assert shop.asked() == ["s"]


def test_what_is_missing_is_asked_for_each_time_and_told(shop: Shop) -> None:
    del shop.objects["c"]
    assert shop.look().missing == (CONFIG,)
    assert shop.look().missing == (CONFIG,)
    assert shop.asked().count("c") == 2
    shop.put("c", "C1", "1")
    assert shop.look().missing == ()


def test_secrets_are_not_asked_for_where_they_may_not_be(shop: Shop) -> None:
    shop.grants = False
    sighting = shop.look()
    assert (set(sighting.found), sighting.missing, sighting.withheld) == ({CONFIG}, (), (SECRET,))
    assert shop.asked() == ["c"]


@pytest.mark.parametrize("name", ["c", "s"])
def test_a_change_is_told_until_it_was_written_down(shop: Shop, name: str) -> None:
    assert shop.news() == []
    shop.put(name, f"{name.upper()}1", "2")
    for _ in range(3):
        assert shop.news(lost=True) == [name]
    assert shop.news() == [name]
    assert shop.news() == []


@pytest.mark.parametrize("name", ["c", "s"])
def test_a_change_that_another_process_has_to_see_is_told(shop: Shop, name: str) -> None:
    assert shop.news() == []
    shop.put(name, f"{name.upper()}1", "2")
    shop.restart()
    assert shop.news() == [name]


def test_one_that_is_made_anew_with_the_same_content_is_no_change(shop: Shop) -> None:
    assert shop.news() == []
    for number in range(3):
        shop.put("s", f"another {number}", "1")
        assert shop.news() == []
    shop.put("s", "the last", "2")
    assert shop.news() == ["s"]


def test_one_that_is_made_anew_with_another_content_is_a_change_until_it_was_written_down(shop: Shop) -> None:
    assert shop.news() == []
    shop.put("s", "another", "2")
    assert shop.news(lost=True) == ["s"]
    shop.put("s", "a third", "2")
    assert shop.news(lost=True) == ["s"]
    assert shop.news() == ["s"]
    assert shop.news() == []


def test_one_that_was_gone_for_a_while_is_compared_to_what_it_was(shop: Shop) -> None:
    assert shop.news() == []
    kept = shop.objects.pop("s")
    assert shop.news() == []
    shop.objects["s"] = kept
    assert shop.news() == []
    del shop.objects["s"]
    assert shop.news() == []
    shop.put("s", "another", "1")
    assert shop.news() == []


def test_a_change_that_is_taken_back_before_it_was_written_down_is_none(shop: Shop) -> None:
    assert shop.news() == []
    shop.put("s", "S1", "2")
    assert shop.news(lost=True) == ["s"]
    shop.put("s", "another", "1")
    assert shop.news() == []


def test_nothing_is_remembered_of_contents_that_are_neither_there_nor_written_down(shop: Shop) -> None:
    for number in range(100):
        shop.put("s", "S1", f"{number}")
        shop.news()
    assert len(shop.sources._same) <= 4  # noqa: SLF001 - memory is nothing that one can ask for
