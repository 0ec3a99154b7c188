import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

import pytest

from rumpf import ConfigMap, Manifest, NotOurs, Operator, Pod, Resource, Waiting, World, reconciler
from rumpf.errors import ApiError, DeclarationError
from rumpf.kinds import Kind
from rumpf.objects import View
from rumpf.operator import Watch
from rumpf.runtime.caches import MANAGED_BY, Cached, owned
from rumpf.runtime.drift import APPLIED
from rumpf.runtime.own import Own
from rumpf.runtime.scene import Scene, StandIns
from rumpf.runtime.stage import Gone, NotLeading
from rumpf.runtime.store import key_of
from rumpf.runtime.writer import Writer
from tests.unit.runtime.clockwork import run
from tests.unit.runtime.cluster import Cluster, Json
from tests.unit.runtime.operating import (
    CONFIG_MAP,
    GADGET,
    POD,
    Gadget,
    GadgetStatus,
    Operating,
    calm,
    config_map,
    operating,
    pod,
    until,
)


async def nothing(_: Gadget, __: World) -> GadgetStatus | None:
    return None


class Stand:
    """A Gadget, and what its reconcile could do: each call of `scene` is another look."""

    def __init__(self, it: Operating, raw: Json) -> None:
        self.it = it
        self.raw = raw
        self.stand_ins = StandIns()
        self.is_there = True

    def scene(self) -> Scene:
        return self.of(self.raw)

    def of(self, raw: Json) -> Scene:
        gadget = Gadget.model_validate(raw)
        writer = Writer(Cached(GADGET), self.it.stage)
        own = Own(key_of(raw), raw, {}, writer, lambda: None, lambda: self.is_there)
        return Scene(self.it.stage, gadget, self.stand_ins, own)

    async def ensure(self, desired: Manifest, view: type[View] = ConfigMap) -> View:
        return await self.scene().ensure(view, desired)

    def child(self, kind: Kind = CONFIG_MAP, name: str = "child") -> Json:
        found = self.it.cluster.get(kind, name)
        assert found is not None
        return found

    async def heard(self, kind: Kind = CONFIG_MAP, name: str = "child") -> None:
        """Wait until the watch has told of a child as it is."""
        store = self.it.caches.stores[owned(self.it.stage.operator, kind)]

        def known() -> bool:
            now = self.it.cluster.get(kind, name)
            versions = [entry.version for key in store if (entry := store.get(key)) and key.name == name]
            return versions == ([int(now["metadata"]["resourceVersion"])] if now else [])

        await until(known, "the watch tells")


def on_stage(play: Callable[[Stand], Awaitable[None]]) -> None:
    async def main() -> None:
        cluster = Cluster()
        raw = cluster.create(GADGET, "one", spec={})
        async with operating(nothing, cluster) as it:
            await play(Stand(it, raw))

    run(main())


def test_a_child_is_created_once_owned_and_labelled() -> None:
    async def play(stand: Stand) -> None:
        made = await stand.ensure(config_map(a="1"))
        assert made.get("data") == {"a": "1"}
        metadata = stand.child()["metadata"]
        assert metadata["labels"] == {MANAGED_BY: "test-operator"}
        (owner,) = metadata["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("Gadget", "one", stand.raw["metadata"]["uid"])
        await stand.ensure(config_map(a="1"))
        assert stand.it.writes() == ["APPLY"], "what is as it should be costs nothing"
        assert stand.it.events == [("one", "Created")]

    on_stage(play)


def test_a_field_is_changed_added_and_removed_and_those_of_others_stay() -> None:
    async def play(stand: Stand) -> None:
        await stand.ensure(config_map(a="1", b="2"))
        stand.it.cluster.change(
            CONFIG_MAP, "child", {"data": {"theirs": "x"}, "metadata": {"labels": {"l": "m"}}}
        )
        await stand.heard()
        await stand.ensure(config_map(a="changed", c="3"))
        assert stand.child()["data"] == {"a": "changed", "c": "3", "theirs": "x"}
        assert stand.child()["metadata"]["labels"]["l"] == "m"
        assert stand.it.events[-1] == ("one", "Updated")

    on_stage(play)


def test_what_somebody_changed_is_mended_and_what_somebody_added_is_left_alone() -> None:
    async def play(stand: Stand) -> None:
        await stand.ensure(config_map(a="1"))
        stand.it.writes()
        stand.it.cluster.change(CONFIG_MAP, "child", {"data": {"theirs": "x"}})
        await stand.heard()
        await stand.ensure(config_map(a="1"))
        assert stand.it.writes() == []
        stand.it.cluster.change(CONFIG_MAP, "child", {"data": {"a": "wrong"}})
        await stand.heard()
        await stand.ensure(config_map(a="1"))
        assert stand.child()["data"] == {"a": "1", "theirs": "x"}
        assert stand.it.events[-1] == ("one", "Repaired")

    on_stage(play)


def test_a_child_without_our_label_gets_it_back_and_is_watched_again() -> None:
    async def play(stand: Stand) -> None:
        await stand.ensure(config_map(a="1"))
        stand.it.cluster.change(CONFIG_MAP, "child", {"metadata": {"labels": {MANAGED_BY: None}}})
        scene = stand.scene()
        await until(lambda: scene.find(ConfigMap, "child") is None, "it is out of sight")
        await stand.ensure(config_map(a="1"))
        assert stand.child()["metadata"]["labels"][MANAGED_BY] == "test-operator"
        await stand.heard()
        stand.it.cluster.change(CONFIG_MAP, "child", {"data": {"a": "wrong"}})
        await stand.heard()
        await stand.ensure(config_map(a="1"))
        assert stand.child()["data"] == {"a": "1"}

    on_stage(play)


def test_what_the_api_server_says_in_its_own_words_is_asked_for_once_and_still_mended() -> None:
    async def play(stand: Stand) -> None:
        def rewrite(made: Json) -> None:
            if made.get("data", {}).get("when") == "noon":
                made["data"]["when"] = "12:00"

        stand.it.cluster.rewrite = rewrite
        await stand.ensure(config_map(when="noon"))
        stand.it.writes()
        for _ in range(3):
            await stand.ensure(config_map(when="noon"))
        assert stand.it.writes() == []
        stand.it.cluster.change(CONFIG_MAP, "child", {"data": {"when": "midnight"}})
        await stand.heard()
        await stand.ensure(config_map(when="noon"))
        assert stand.child()["data"] == {"when": "12:00"}

    on_stage(play)


def test_somebody_elses_object_of_that_name_is_not_touched() -> None:
    async def play(stand: Stand) -> None:
        before = stand.it.cluster.create(CONFIG_MAP, "child", data={"a": "theirs"})
        for _ in range(2):
            with pytest.raises(NotOurs, match="a ConfigMap named child is there already") as raised:
                await stand.ensure(config_map(a="ours"))
            assert raised.value.reason == "NameTaken"
        assert stand.child() == before

    on_stage(play)


def test_a_child_of_an_earlier_resource_of_the_same_name_is_waited_for() -> None:
    async def play(stand: Stand) -> None:
        earlier = {"apiVersion": "test.dev/v1", "kind": "Gadget", "name": "one", "uid": "earlier"}
        for labels in ({}, {MANAGED_BY: "test-operator"}):
            metadata = {"ownerReferences": [earlier], "labels": labels}
            stand.it.cluster.create(CONFIG_MAP, "child", metadata=metadata)
            with pytest.raises(Waiting, match="of an earlier Gadget is going"):
                await stand.ensure(config_map(a="1"))
            stand.it.cluster.delete(CONFIG_MAP, "child")
            await stand.heard()
        await stand.ensure(config_map(a="1"))

    on_stage(play)


def test_one_of_ours_that_the_watch_does_not_show_yet_is_recognised() -> None:
    async def play(stand: Stand) -> None:
        stand.it.wire.watch_lag = 1000
        await stand.ensure(config_map(a="1"))
        store = stand.it.caches.stores[owned(stand.it.stage.operator, CONFIG_MAP)]
        for key in store:
            # As if this process had begun just now.
            store.drop(key, str(stand.child()["metadata"]["uid"]), 0)
            store._entries.clear()  # noqa: SLF001 - no other way to forget
        await stand.ensure(config_map(a="2"))
        assert stand.child()["data"] == {"a": "2"}

    on_stage(play)


def test_what_cannot_be_changed_is_replaced() -> None:
    async def play(stand: Stand) -> None:
        await stand.ensure(pod(image="busybox:1"), Pod)
        before = stand.child(POD)
        stand.it.writes()
        with pytest.raises(Waiting, match="makes room"):
            await stand.ensure(pod(image="busybox:2"), Pod)
        await stand.heard(POD)
        made = await stand.ensure(pod(image="busybox:2"), Pod)
        assert made.uid != before["metadata"]["uid"]
        # Nothing can be taken out of it later: a plain create does, and is half the work of an apply.
        assert stand.it.writes() == ["DELETE", "POST"]
        assert stand.it.events == [("one", "Created"), ("one", "Replaced")]

    on_stage(play)


def test_what_cannot_be_changed_and_is_somebody_elses_is_not_touched_either() -> None:
    async def play(stand: Stand) -> None:
        before = stand.it.cluster.create(POD, "child", spec=pod(image="theirs:1")["spec"])
        with pytest.raises(NotOurs, match="a Pod named child is there already"):
            await stand.ensure(pod(), Pod)
        assert stand.child(POD) == before

    on_stage(play)


def test_what_was_changed_though_it_cannot_be_by_us_is_mended_where_that_works() -> None:
    async def play(stand: Stand) -> None:
        before = await stand.ensure(pod(), Pod)
        stand.it.writes()
        stand.it.cluster.change(
            POD, "child", {"spec": {"containers": [{"name": "main", "image": "theirs:1"}]}}
        )
        await stand.heard(POD)
        after = await stand.ensure(pod(), Pod)
        assert (after.uid, after.get("spec")) == (before.uid, before.get("spec"))
        assert stand.it.writes() == ["APPLY"]
        assert stand.it.events[-1] == ("one", "Repaired")

    on_stage(play)


def test_children_of_the_same_name_and_other_kinds_are_not_mistaken_for_each_other() -> None:
    async def play(stand: Stand) -> None:
        await stand.ensure(pod(image="busybox:1"), Pod)
        with pytest.raises(Waiting):
            await stand.ensure(pod(image="busybox:2"), Pod)
        await stand.ensure(config_map())
        await stand.heard(POD)
        await stand.ensure(pod(image="busybox:2"), Pod)
        assert [reason for _, reason in stand.it.events] == ["Created", "Created", "Replaced"]

    on_stage(play)


def test_one_that_came_to_an_end_is_replaced_but_not_as_fast_as_it_ends() -> None:
    async def have_pod(_: Gadget, world: World) -> GadgetStatus:
        await world.ensure(Pod, pod())
        return GadgetStatus().ready("Fine")

    async def refuse_all(cluster: Cluster) -> None:
        """Do as a node does that has no room."""
        while True:
            if not (cluster.get(POD, "child") or {"status": "none"}).get("status"):
                cluster.change(POD, "child", {"status": {"phase": "Failed"}})
            await asyncio.sleep(0.5)

    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={})
        async with operating(have_pod, cluster) as it:
            await until(lambda: it.ready().get("status") == "True", "it has its Pod")
            it.writes()
            cluster.change(POD, "child", {"status": {"phase": "Failed"}})
            await until(lambda: "DELETE" in it.writes(), "the first one is replaced at once", 1)
            node = asyncio.create_task(refuse_all(cluster))
            await calm(600)
            assert 50 < it.writes().count("DELETE") < 70
            node.cancel()
            await until(lambda: it.ready()["status"] == "True", "it has a Pod again", 15)

    run(main())


def test_one_that_is_going_is_waited_for() -> None:
    async def play(stand: Stand) -> None:
        await stand.ensure(config_map())
        stand.it.cluster.change(CONFIG_MAP, "child", {"metadata": {"finalizers": ["a/b"]}})
        stand.it.cluster.delete(CONFIG_MAP, "child")
        await stand.heard()
        with pytest.raises(Waiting, match="on its way out"):
            await stand.ensure(config_map())

    on_stage(play)


def test_only_the_very_child_is_deleted_never_another_of_its_name() -> None:
    async def play(stand: Stand) -> None:
        made = await stand.ensure(config_map())
        stand.it.cluster.delete(CONFIG_MAP, "child")
        after = stand.it.cluster.create(CONFIG_MAP, "child", data={"a": "theirs"})
        scene = stand.scene()
        await scene.delete(made)
        assert stand.child() == after
        assert scene.look_again is not None, "it may have been a conflict in passing"
        stand.it.cluster.delete(CONFIG_MAP, "child")
        await scene.delete(made)  # gone is as good as deleted

    on_stage(play)


def test_who_does_not_lead_writes_nothing() -> None:
    async def play(stand: Stand) -> None:
        made = await stand.ensure(config_map())
        stand.it.writes()
        stand.it.leads = False
        with pytest.raises(NotLeading):
            await stand.ensure(config_map("another"))
        with pytest.raises(NotLeading):
            await stand.ensure(config_map(a="changed"))
        with pytest.raises(NotLeading):
            await stand.scene().delete(made)
        with pytest.raises(NotLeading):
            await stand.scene().request("POST", "/api/v1/namespaces/ns/pods", {})
        assert stand.it.writes() == []

    on_stage(play)


def test_for_one_that_has_gone_nothing_is_written() -> None:
    async def play(stand: Stand) -> None:
        made = await stand.ensure(config_map())
        stand.it.writes()
        stand.is_there = False
        with pytest.raises(Gone):
            await stand.ensure(config_map("another"))
        with pytest.raises(Gone):
            await stand.scene().delete(made)
        with pytest.raises(Gone):
            await stand.scene().request("POST", "/api/v1/namespaces/ns/pods", {})
        assert stand.it.writes() == []

    on_stage(play)


def test_children_are_those_of_this_resource_and_no_other() -> None:
    async def play(stand: Stand) -> None:
        for name in ("b", "a"):
            await stand.ensure(config_map(name))
        other = stand.it.cluster.create(GADGET, "two", spec={})
        await stand.of(other).ensure(ConfigMap, config_map("c"))
        assert [child.name for child in stand.scene().children(ConfigMap)] == ["a", "b"]

    on_stage(play)


def test_a_kind_of_children_that_was_not_declared_is_named() -> None:
    class Job(View):
        kind: ClassVar[Kind] = Kind("batch", "v1", "Job", "jobs")

    async def play(stand: Stand) -> None:
        with pytest.raises(DeclarationError, match=r"owns=\[Job\]"):
            await stand.ensure({"metadata": {"name": "child"}}, Job)

    on_stage(play)


def test_an_answer_that_tells_of_more_than_was_asked_for_is_looked_at_again() -> None:
    async def play(stand: Stand) -> None:
        await stand.ensure(config_map(a="1"))
        stand.it.wire.watch_lag = 1000
        stand.it.cluster.change(CONFIG_MAP, "child", {"status": {"ready": True}})
        scene = stand.scene()
        await scene.ensure(ConfigMap, config_map(a="2"))
        assert scene.look_again == 0.0

    on_stage(play)


def test_a_resource_of_no_namespace_has_children_where_it_says() -> None:
    class Site(Resource, group="test.dev", version="v1", plural="sites", namespaced=False):
        """Something of the whole cluster."""

    class Zone(View):
        kind: ClassVar[Kind] = Kind("test.dev", "v1", "Zone", "zones", namespaced=False)

    async def look(site: Site, world: World) -> None:
        await world.ensure(
            ConfigMap, {"metadata": {"name": site.name, "namespace": "ns"}, "data": {"a": "1"}}
        )
        await world.ensure(Zone, {"metadata": {"name": site.name}, "spec": {"b": 2}})
        assert world.find(Zone, site.name) is not None

    async def main() -> None:
        cluster = Cluster()
        cluster.create(Site.names.kind, "here")
        operator = Operator("test", reconciler(Site, owns=[ConfigMap, Zone])(look), description="A test.")
        async with operating(operator, cluster) as it:
            await until(lambda: "done" in it.results, f"it is reconciled {it.results}")
            assert cluster.get(CONFIG_MAP, "here") is not None
            zone = cluster.get(Zone.kind, "here")
            assert zone is not None
            assert "namespace" not in zone["metadata"]
            assert zone["metadata"]["annotations"][APPLIED]
            cluster.change(CONFIG_MAP, "here", {"data": {"a": "wrong"}})
            await until(lambda: (cluster.get(CONFIG_MAP, "here") or {})["data"] == {"a": "1"}, "it is mended")

    run(main())


def test_a_resource_in_a_namespace_finds_what_is_in_none() -> None:
    class Zone(View):
        kind: ClassVar[Kind] = Kind("test.dev", "v1", "Zone", "zones", namespaced=False)

    async def look(_: Gadget, world: World) -> GadgetStatus:
        zone = world.find(Zone, "here")
        return GadgetStatus(phase=zone.name if zone else "nowhere").ready("Fine")

    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={})
        cluster.create(Zone.kind, "here")
        watch = Watch(Zone, lambda _, __: [("ns", "one")])
        async with operating(look, cluster, watches=[watch], namespaces=["ns"]) as it:
            await until(lambda: it.gadget().get("status", {}).get("phase") == "here", "it finds it")

    run(main())


def test_a_conflict_that_is_none_is_not_hidden() -> None:
    async def play(stand: Stand) -> None:
        await stand.ensure(config_map(a="1"))
        stand.it.wire.refuses = lambda verb, _: ApiError("busy", status=409) if verb == "APPLY" else None
        with pytest.raises(ApiError, match="busy"):
            await stand.ensure(config_map(a="2"))

    on_stage(play)


def test_what_is_known_of_a_child_that_went_before_its_answer_came_is_forgotten() -> None:
    async def look(_: Gadget, world: World) -> GadgetStatus:
        await world.ensure(ConfigMap, config_map(text="hello"))
        return GadgetStatus().ready("Fine")

    async def main() -> None:
        cluster = Cluster()

        def rewrite(found: dict[str, object]) -> None:
            if found["kind"] == "ConfigMap":
                found["data"] = {"text": "HELLO"}

        cluster.rewrite = rewrite
        cluster.create(GADGET, "one", spec={})
        async with operating(look, cluster) as it:
            await until(lambda: cluster.get(CONFIG_MAP, "child"), "it is there")
            assert len(it.stage.as_asked) < 2
            it.wire.answer_lag = 5
            cluster.delete(CONFIG_MAP, "child")
            await until(lambda: cluster.get(CONFIG_MAP, "child"), "it is there again")
            cluster.delete(GADGET, "one")
            cluster.delete(CONFIG_MAP, "child")
            await calm(100)
            assert it.stage.as_asked == {}

    run(main())
