from collections.abc import Iterable

from rumpf import ConfigMap, Operator, World, reconciler
from rumpf.operator import Watch
from rumpf.runtime.caches import Cached
from rumpf.runtime.references import References
from rumpf.runtime.store import Key
from tests.unit.runtime.clockwork import run
from tests.unit.runtime.cluster import Cluster
from tests.unit.runtime.operating import (
    CONFIG_MAP,
    GADGET,
    Gadget,
    GadgetStatus,
    Operating,
    calm,
    operating,
    phase,
    until,
)

A, B, ONE, TWO = Key("ns", "a"), Key("ns", "b"), Key("ns", "one"), Key("ns", "two")
REFERRED = Cached(CONFIG_MAP, metadata_only=True, referred=True)
COPY = "kubectl.kubernetes.io/last-applied-configuration"


def test_what_is_named_is_known_from_both_ends_until_nobody_names_it() -> None:
    dropped: list[Key] = []
    references = References(dropped=dropped.append)
    references.set(ONE, [A, B])
    references.set(TWO, [B])
    assert (set(references.to(A)), set(references.to(B))) == ({ONE}, {ONE, TWO})
    references.set(ONE, [B])
    assert dropped == [A]
    assert A not in references
    references.set(ONE, ())
    assert dropped == [A]
    references.set(TWO, ())
    assert dropped == [A, B]
    assert not references.to(B)
    references.set(TWO, ())
    references.set(ONE, [A])
    assert A in references
    assert dropped == [A, B]


# As an author sees it: `text` names ConfigMaps, separated by commas.


def named(gadget: Gadget) -> Iterable[str]:
    if gadget.spec.text == "nonsense":
        raise RuntimeError("an author's mistake")
    return filter(None, gadget.spec.text.split(","))


async def tell(gadget: Gadget, world: World) -> GadgetStatus:
    """Read what is named, unless it is known to be what was read before."""
    said = []
    for name in named(gadget):
        seen = world.find(ConfigMap, name)
        known = world.memory.get(name)
        if known is None or seen is None or seen.metadata["resourceVersion"] != known[0]:
            found = await world.read(ConfigMap, name)
            if found is None:
                world.memory.pop(name, None)
                said.append(f"{name} is missing")
                continue
            known = world.memory[name] = (found.metadata["resourceVersion"], found.get("data", "text"))
        said.append(f"{name} says {known[1]}")
    return GadgetStatus(phase=", ".join(said)).ready("Fine")


def operator() -> Operator:
    watch = Watch(ConfigMap, refers=named, metadata_only=True)
    return Operator("test", reconciler(Gadget, watches=[watch])(tell), description="A test.")


def kept(it: Operating) -> list[str]:
    return sorted(key.name for key in it.caches.stores[REFERRED])


def reads(it: Operating) -> list[str]:
    """Return whose content was asked for since this was last asked."""
    asked = [each.path for each in it.cluster.asked if each.verb == "GET" and "/configmaps/" in each.path]
    it.cluster.asked.clear()
    return [path.rpartition("/")[2] for path in asked]


def test_only_what_is_named_is_kept_and_read_and_once() -> None:
    async def main() -> None:
        cluster = Cluster()
        for name in ("a", "b", "c"):
            cluster.create(CONFIG_MAP, name, data={"text": f"hello {name}"})
        cluster.create(GADGET, "one", spec={"text": "a,b"})
        async with operating(operator(), cluster) as it:
            await until(lambda: phase(it) == "a says hello a, b says hello b", "it is read")
            assert kept(it) == ["a", "b"]
            assert reads(it) == ["a", "b"]
            cluster.change(GADGET, "one", {"spec": {"size": 2}})
            cluster.change(CONFIG_MAP, "c", {"data": {"text": "another"}})
            await calm(10)
            assert reads(it) == []
            assert kept(it) == ["a", "b"]

    run(main())


def test_a_change_concerns_those_alone_who_name_it() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(CONFIG_MAP, "a", data={"text": "1"})
        cluster.create(CONFIG_MAP, "b", data={"text": "1"})
        for name, text in {"one": "a", "two": "a,b", "three": "b"}.items():
            cluster.create(GADGET, name, spec={"text": text})
        async with operating(operator(), cluster) as it:
            await until(lambda: phase(it, "three"), "all are read")
            await calm(10)
            reads(it)
            cluster.change(CONFIG_MAP, "a", {"data": {"text": "2"}})
            await until(lambda: phase(it, "one") == "a says 2", "the first is told", 2)
            await until(lambda: phase(it, "two") == "a says 2, b says 1", "the second is told", 2)
            await calm(10)
            assert reads(it) == ["a", "a"], "and the third is not"

    run(main())


def test_of_two_who_read_the_same_neither_makes_the_other_read_it_again() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(CONFIG_MAP, "a", data={"text": "1"})
        for name in ("one", "two"):
            cluster.create(GADGET, name, spec={"text": "a"})
        async with operating(operator(), cluster) as it:
            it.wire.watch_lag = 1
            await until(lambda: phase(it, "one") and phase(it, "two"), "both have read it")
            await calm(60)
            reads(it)
            looks = len(it.results)
            cluster.change(CONFIG_MAP, "a", {"data": {"text": "2"}})
            await until(lambda: phase(it, "one") == phase(it, "two") == "a says 2", "both are told")
            await calm(60)
            assert reads(it) == ["a", "a"]
            assert len(it.results) <= looks + 4

    run(main())


def test_what_is_missing_is_told_and_seen_when_it_comes_goes_and_comes_back() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={"text": "a"})
        async with operating(operator(), cluster) as it:
            await until(lambda: phase(it) == "a is missing", "it is told")
            for text in ("1", "2"):
                cluster.create(CONFIG_MAP, "a", data={"text": text})
                await until(lambda text=text: phase(it) == f"a says {text}", "it is there", 2)  # type: ignore[misc]
                cluster.delete(CONFIG_MAP, "a")
                await until(lambda: phase(it) == "a is missing", "it is gone", 2)

    run(main())


def test_what_is_named_later_is_read_then_and_what_is_named_no_more_is_dropped() -> None:
    async def main() -> None:
        cluster = Cluster()
        for name in ("a", "b"):
            cluster.create(CONFIG_MAP, name, data={"text": "1"})
        cluster.create(GADGET, "one", spec={"text": "a"})
        cluster.create(GADGET, "two", spec={"text": "a"})
        async with operating(operator(), cluster) as it:
            await until(lambda: phase(it, "one") and phase(it, "two"), "it is read")
            cluster.change(GADGET, "one", {"spec": {"text": "b"}})
            await until(lambda: phase(it, "one") == "b says 1", "the other one is read", 2)
            assert kept(it) == ["a", "b"], "somebody still names the first"
            cluster.delete(GADGET, "two")
            await until(lambda: kept(it) == ["b"], "nobody does any more", 2)
            cluster.change(CONFIG_MAP, "a", {"data": {"text": "2"}})
            cluster.change(GADGET, "one", {"spec": {"text": "a,b"}})
            await until(lambda: phase(it, "one") == "a says 2, b says 1", "it is as it is now", 2)
            assert kept(it) == ["a", "b"]

    run(main())


def test_only_metadata_is_kept_and_no_copy_of_the_content_with_it() -> None:
    async def main() -> None:
        cluster = Cluster()
        content = "no memory should hold this"
        annotations = {COPY: f'{{"data": "{content}"}}', "note": "kept"}
        cluster.create(CONFIG_MAP, "listed", data={"text": content}, metadata={"annotations": annotations})
        cluster.create(GADGET, "one", spec={"text": "listed,watched,read"})
        async with operating(operator(), cluster) as it:
            await until(lambda: phase(it), "it is read")
            cluster.create(
                CONFIG_MAP, "watched", data={"text": content}, metadata={"annotations": annotations}
            )
            await calm(10)
            it.wire.watch_lag = 1000
            cluster.create(CONFIG_MAP, "read", data={"text": content}, metadata={"annotations": annotations})
            cluster.change(GADGET, "one", {"spec": {"size": 3}})
            it.controller.queue.add(Key("ns", "one"))
            await until(lambda: kept(it) == ["listed", "read", "watched"], "all are kept", 100)
            store = it.caches.stores[REFERRED]
            for key in store:
                entry = store.get(key)
                assert entry is not None
                assert content.encode() not in entry.raw
                assert entry.load()["metadata"]["annotations"] == {"note": "kept"}

    run(main())


def test_one_that_makes_no_sense_names_nothing_and_disturbs_nobody() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(CONFIG_MAP, "a", data={"text": "1"})
        cluster.create(GADGET, "invalid", spec={"text": "a", "size": -1})
        async with operating(operator(), cluster) as it:
            await until(lambda: it.ready("invalid").get("reason") == "Invalid", "it is refused")
            assert kept(it) == []
            cluster.create(GADGET, "mistaken", spec={"text": "nonsense"})
            cluster.create(GADGET, "one", spec={"text": "a"})
            await until(lambda: phase(it) == "a says 1", "the others are as ever", 5)
            cluster.change(CONFIG_MAP, "a", {"data": {"text": "2"}})
            await until(lambda: phase(it) == "a says 2", "and told of changes", 5)
            cluster.change(GADGET, "invalid", {"spec": {"size": 1}})
            await until(lambda: phase(it, "invalid") == "a says 2", "it makes sense now", 5)

    run(main())
