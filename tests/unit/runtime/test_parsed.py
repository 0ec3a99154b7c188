"""Resources are parsed once for all who ask, and again once they have changed."""

from typing import Any, ClassVar

from pydantic import model_validator

from rumpf import Resource, World, reconciler
from rumpf.runtime.parsed import Parsed
from rumpf.runtime.store import Entry, Key, Store


class Plan(Resource, group="test.dev", version="v1", plural="plans"):
    """A plan that counts how often it was parsed."""

    parsed: ClassVar[list[str]] = []

    @model_validator(mode="after")
    def _count(self) -> "Plan":
        self.parsed.append(self.name)
        if self.name == "invalid":
            raise ValueError("it makes no sense")
        return self


@reconciler(Plan)
async def nothing(_: Plan, __: World) -> None:
    """Do nothing."""


class Shelf:
    """A store, and its resources as whoever watches for others sees them."""

    def __init__(self) -> None:
        self.store = Store()
        self.index = Parsed(nothing, self.store)
        Plan.parsed.clear()

    def put(self, name: str, version: int, namespace: str = "ns") -> tuple[Key, Entry | None, Entry | None]:
        metadata: dict[str, Any] = {"name": name, "namespace": namespace, "uid": f"{namespace}/{name}"}
        found = {"metadata": {**metadata, "resourceVersion": str(version)}}
        return (Key(namespace, name), *self.store.put(found))

    def versions(self) -> list[str]:
        return sorted(each.metadata.resource_version for each in self.index.resources("ns"))


def test_a_resource_is_parsed_when_it_is_asked_for_and_then_no_more() -> None:
    shelf = Shelf()
    shelf.put("one", 1)
    shelf.put("invalid", 2)
    shelf.put("other", 3, "elsewhere")
    assert Plan.parsed == []
    first = shelf.index.resources("ns")
    assert [each.name for each in first] == ["one"]
    assert shelf.index.resources("ns")[0] is first[0]
    assert Plan.parsed == ["one", "invalid"], "nor is an invalid one again, or one of another namespace"


def test_one_that_has_changed_is_parsed_again_whether_or_not_that_was_told_yet() -> None:
    shelf = Shelf()
    shelf.put("one", 1)
    shelf.put("two", 2)
    assert shelf.versions() == ["1", "2"]
    key, before, now = shelf.put("one", 3)
    assert shelf.versions() == ["2", "3"]
    shelf.index.changed(key, before, now, "")
    assert shelf.versions() == ["2", "3"]
    assert Plan.parsed == ["one", "two", "one", "one"]


def test_one_that_is_gone_is_kept_no_longer() -> None:
    shelf = Shelf()
    key, _, there = shelf.put("one", 1)
    assert shelf.versions() == ["1"]
    shelf.store.drop(key, "ns/one", 2)
    shelf.index.changed(key, there, None, "")
    assert shelf.versions() == []
    assert not vars(shelf.index)["_parsed"]
