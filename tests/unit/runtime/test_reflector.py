import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest

from rumpf.errors import ApiError
from rumpf.runtime.reflector import Reflector
from rumpf.runtime.store import Key, Store
from tests.unit.runtime.clockwork import run
from tests.unit.runtime.cluster import Cluster, Wire
from tests.unit.runtime.operating import CONFIG_MAP, calm, until

if TYPE_CHECKING:
    from rumpf.api import Api


class Reflected:
    """What a watch has told, and what is in the store by now."""

    def __init__(self, cluster: Cluster, namespaces: Sequence[str] = ("",), labels: str = "") -> None:
        self.cluster = cluster
        self.wire = Wire(cluster)
        self.store = Store()
        self.told: list[tuple[str, bool]] = []
        """Names, and whether there is such an object."""
        self.watches = [
            Reflector(
                cast("Api", self.wire),
                CONFIG_MAP,
                self.store,
                lambda key, _, now: self.told.append((key.name, now is not None)),
                namespace=namespace,
                labels=labels,
            )
            for namespace in namespaces
        ]
        self.watch = self.watches[0]

    @property
    def names(self) -> list[str]:
        return sorted(key.name for key in self.store)

    def lists(self) -> int:
        """Return how often all was listed, page by page, and forget it."""
        found = len(self.cluster.asked)
        self.cluster.asked.clear()
        return found


@asynccontextmanager
async def reflecting(it: Reflected) -> AsyncIterator[Reflected]:
    tasks = [asyncio.create_task(watch.run()) for watch in it.watches]
    try:
        yield it
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_what_is_there_is_listed_and_what_happens_then_is_told() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(CONFIG_MAP, "a")
        async with reflecting(Reflected(cluster)) as it:
            await it.watch.synced.wait()
            assert it.names == ["a"]
            cluster.create(CONFIG_MAP, "b")
            cluster.change(CONFIG_MAP, "b", {"data": {"c": "d"}})
            cluster.delete(CONFIG_MAP, "a")
            await until(lambda: it.names == ["b"], "all is told")
            assert it.told == [("a", True), ("b", True), ("b", True), ("a", False)]

    run(main())


def test_thousands_are_listed_in_pages() -> None:
    async def main() -> None:
        cluster = Cluster()
        for number in range(1200):
            cluster.create(CONFIG_MAP, f"{number}")
        async with reflecting(Reflected(cluster)) as it:
            await it.watch.synced.wait()
            assert len(it.names) == 1200
            assert it.lists() == 5

    run(main())


def test_a_watch_that_breaks_off_goes_on_from_there_and_misses_nothing() -> None:
    async def main() -> None:
        cluster = Cluster()
        async with reflecting(Reflected(cluster)) as it:
            await it.watch.synced.wait()
            await calm()
            it.lists()
            it.wire.cut()
            cluster.create(CONFIG_MAP, "a")
            await until(lambda: it.names == ["a"], "it is told", 1)
            assert it.lists() == 0

    run(main())


def test_a_watch_from_a_time_that_is_forgotten_begins_anew_and_tells_what_is_gone() -> None:
    async def main() -> None:
        cluster = Cluster()
        for name in ("stays", "goes", "comes back"):
            cluster.create(CONFIG_MAP, name)
        async with reflecting(Reflected(cluster)) as it:
            await it.watch.synced.wait()
            it.wire.refuses = lambda verb, _: ApiError("away") if verb == "WATCH" else None
            it.wire.cut()
            cluster.delete(CONFIG_MAP, "goes")
            cluster.delete(CONFIG_MAP, "comes back")
            again = cluster.create(CONFIG_MAP, "comes back")
            cluster.forgotten = cluster.version
            await calm(10)
            it.told.clear()
            it.wire.refuses = lambda _, __: None
            await until(lambda: it.names == ["comes back", "stays"], "it is listed again")
            assert sorted(it.told) == [("comes back", True), ("goes", False)]
            assert it.store.by_uid(again["metadata"]["uid"]) == Key("ns", "comes back")

    run(main())


@pytest.mark.parametrize("symptom", ["ends at once", "is forgotten at once", "breaks off at once"])
def test_a_watch_that_never_works_is_not_tried_in_a_hot_loop(symptom: str) -> None:
    async def main() -> None:
        cluster = Cluster()
        it = Reflected(cluster)

        @asynccontextmanager
        async def stream(*_: object, **__: object) -> AsyncIterator[AsyncIterator[bytes]]:
            async def lines() -> AsyncIterator[bytes]:
                it.wire.watches += 1
                if symptom == "is forgotten at once":
                    yield b'{"type": "ERROR", "object": {"code": 410, "message": "too old"}}'
                if symptom == "breaks off at once":
                    raise ApiError("a line of a watch is over 16 MiB")

            yield lines()

        it.wire.stream = stream  # type: ignore[method-assign]
        async with reflecting(it):
            await calm(3600)
            assert it.wire.watches < 150
            assert it.lists() < 150

    run(main())


def test_a_watch_that_lives_long_is_opened_again_at_once() -> None:
    async def main() -> None:
        cluster = Cluster()
        async with reflecting(Reflected(cluster)) as it:
            await it.watch.synced.wait()
            for number in range(100):
                await calm(60)
                it.wire.cut()
                cluster.create(CONFIG_MAP, f"{number}")
                await until(lambda number=number: f"{number}" in it.names, "it is told", 1)  # type: ignore[misc]

    run(main())


@pytest.mark.parametrize("status", [401, 403, 429, 500, 0])
def test_an_api_server_that_refuses_for_a_while_is_asked_again_and_not_for_everything(status: int) -> None:
    async def main() -> None:
        cluster = Cluster()
        async with reflecting(Reflected(cluster)) as it:
            await it.watch.synced.wait()
            it.lists()
            it.wire.refuses = lambda _, __: ApiError("not now", status=status)
            it.wire.cut()
            cluster.create(CONFIG_MAP, "a")
            await calm(600)
            assert it.watch.trouble == "not now"
            assert it.wire.watches < 40
            it.wire.refuses = lambda _, __: None
            await until(lambda: it.names == ["a"], "it is told", 40)
            assert it.watch.trouble == ""
            assert it.lists() == 0

    run(main())


def test_a_kind_that_is_not_installed_is_waited_for_and_told_of_now_and_then(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "rumpf.watch")

    async def main() -> None:
        cluster = Cluster(missing={CONFIG_MAP.path()})
        async with reflecting(Reflected(cluster)) as it:
            await calm(3600)
            assert not it.watch.synced.is_set()
            assert it.watch.trouble
            assert it.watch.tried > it.watch.heard
            assert 10 < len([each for each in caplog.records if each.levelno == logging.WARNING]) < 15
            cluster.missing.clear()
            cluster.create(CONFIG_MAP, "a")
            await until(lambda: it.names == ["a"], "it is told", 40)
            # Its definition is removed, and all objects with it; then it is installed again.
            cluster.missing.add(CONFIG_MAP.path())
            cluster.objects.clear()
            it.wire.cut()
            await calm(40)
            cluster.missing.clear()
            await until(lambda: it.names == [], "what is gone is told", 40)

    run(main())


def test_what_makes_no_sense_is_listed_again() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(CONFIG_MAP, "a")
        it = Reflected(cluster)
        sent = [b"<html>", b'{"metadata": {}}', b"[]"]
        read = it.wire.read

        async def nonsense(*args: object, **options: object) -> bytes:
            return sent.pop() if sent else await read(*args, **options)  # type: ignore[arg-type]

        it.wire.read = nonsense  # type: ignore[method-assign]
        async with reflecting(it):
            await until(lambda: it.names == ["a"], "it is told", 10)

    run(main())


def test_a_list_of_one_namespace_leaves_those_of_the_others_alone() -> None:
    async def main() -> None:
        cluster = Cluster()
        for namespace in ("one", "two", "three"):
            cluster.create(CONFIG_MAP, f"of-{namespace}", namespace)
        async with reflecting(Reflected(cluster, ("one", "two"))) as it:
            for watch in it.watches:
                await watch.synced.wait()
            await calm()
            assert it.names == ["of-one", "of-two"]
            cluster.forgotten = cluster.version + 100
            it.wire.cut()
            await calm(10)
            assert it.lists() > 2
            assert it.names == ["of-one", "of-two"]

    run(main())


def test_what_loses_its_label_is_out_of_sight_and_back_with_it() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(CONFIG_MAP, "a", metadata={"labels": {"our": "own"}})
        cluster.create(CONFIG_MAP, "b")
        async with reflecting(Reflected(cluster, labels="our=own")) as it:
            await until(lambda: it.names == ["a"], "only ours is told")
            cluster.change(CONFIG_MAP, "a", {"metadata": {"labels": {"our": "not"}}})
            await until(lambda: it.names == [], "it is out of sight")
            cluster.change(CONFIG_MAP, "a", {"metadata": {"labels": {"our": "own"}}})
            await until(lambda: it.names == ["a"], "it is back")

    run(main())
