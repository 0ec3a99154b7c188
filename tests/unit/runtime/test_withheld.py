"""What may not be listed: a namespace that is gone, a right that was not given."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from rumpf import ConfigMap, Grant, Operator, Resource, Secret, View, Watch, World, reconciler
from rumpf.kinds import Kind
from rumpf.operator import Index
from rumpf.runtime.queue import Urgency
from rumpf.runtime.store import Key
from tests.unit.runtime.clockwork import run
from tests.unit.runtime.cluster import Cluster, Place, Wire
from tests.unit.runtime.operating import (
    CONFIG_MAP,
    GADGET,
    Gadget,
    GadgetSpec,
    GadgetStatus,
    Operating,
    calm,
    config_map,
    mirror,
    operating,
    operator_of,
    until,
)
from tests.unit.runtime.shelf import refusal

SECRETS = Grant("secrets", "Reads Secrets.")
BOTH = ("here", "there")
Refuses = Callable[[str, str], Exception | None]


class Planet(Resource, group="test.dev", version="v1", plural="planets", namespaced=False):
    """Something in no namespace."""

    spec: GadgetSpec
    status: GadgetStatus = GadgetStatus()


PLANET = Planet.names.kind


def forbidding(*paths: str, verbs: Sequence[str] = ("GET", "WATCH"), status: int = 403) -> Refuses:
    """Refuse what has one of these in its path."""

    def refuses(verb: str, path: str) -> Exception | None:
        is_meant = verb in verbs and any(each in path for each in paths)
        return refusal(status, "Forbidden") if is_meant else None

    return refuses


def nothing(_: str, __: str) -> None:
    return None


def text(it: Operating, namespace: str) -> object:
    return it.gadget("one", namespace).get("status", {}).get("phase")


def ready(it: Operating, namespace: str) -> object:
    conditions = it.gadget("one", namespace).get("status", {}).get("conditions", ())
    return next((each["reason"] for each in conditions if each["type"] == "Ready"), None)


def of(condition: Callable[[], bool], refuses: Refuses) -> Refuses:
    """Refuse only while something is so."""
    return lambda verb, path: refuses(verb, path) if condition() else None


def child(cluster: Cluster, owner: Kind, name: str, namespace: str) -> None:
    """Have a child from before in a namespace."""
    uid = (cluster.get(owner, name, namespace) or {})["metadata"]["uid"]
    labels = {"app.kubernetes.io/managed-by": "test-operator"}
    metadata = {"labels": labels, "ownerReferences": [{"uid": uid}]}
    cluster.create(CONFIG_MAP, "child", "there", metadata=metadata)


def gadgets() -> Cluster:
    cluster = Cluster()
    for namespace in BOTH:
        cluster.create(GADGET, "one", namespace, spec={"text": namespace})
    return cluster


def test_a_namespace_that_is_gone_keeps_no_other_from_being_served_and_is_served_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        gone = forbidding("/namespaces/there/")
        async with operating(mirror, gadgets(), namespaces=BOTH, refuses=gone) as it:
            await until(lambda: text(it, "here") == "here", "the other one is served", 5)
            assert it.caches.missing() is None
            assert it.caches.without == [
                "configmaps in there",
                "gadgets.test.dev in there",
                "pods in there",
            ]
            await calm(200)
            said = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
            assert len(said) == 3, "once of each kind"
            assert "watch of gadgets.test.dev in there: Forbidden (403); let the operator list" in str(said)
            assert "if there is no namespace there any more, have it look after that no longer" in said[0]
            assert text(it, "there") is None
            it.wire.refuses = nothing
            await until(lambda: text(it, "there") == "there", "it is served, too", 40)
            assert it.caches.without == []

    run(main())


@pytest.mark.parametrize("namespaces", [(), ("here",), BOTH], ids=str)
@pytest.mark.parametrize("status", [403, 404])
def test_a_kind_that_can_be_listed_nowhere_is_waited_for(namespaces: Sequence[str], status: int) -> None:
    async def main() -> None:
        it = Operating(operator_of(mirror), Wire(gadgets()), namespaces)
        it.wire.refuses = forbidding("/configmaps", status=status)
        watching = [asyncio.create_task(each.run()) for each in it.caches.reflectors]
        waiting = asyncio.create_task(it.caches.wait())
        await calm(3600)
        assert not waiting.done()
        assert f"not listed yet: configmaps (Forbidden ({status})" in str(it.caches.missing())
        it.wire.refuses = nothing
        await until(waiting.done, "it is listed", 40)
        assert it.caches.missing() is None
        for each in watching:
            each.cancel()

    run(main())


@pytest.mark.parametrize("status", [0, 401, 500])
def test_what_an_api_server_that_is_not_well_does_not_list_is_waited_for(status: int) -> None:
    async def main() -> None:
        it = Operating(operator_of(mirror), Wire(gadgets()), BOTH)
        it.wire.refuses = forbidding("/namespaces/there/", status=status)
        watching = [asyncio.create_task(each.run()) for each in it.caches.reflectors]
        await calm(600)
        assert "not listed yet" in str(it.caches.missing())
        for each in watching:
            each.cancel()

    run(main())


def test_what_cannot_be_seen_is_not_taken_for_what_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    looks: list[str] = []

    async def look(gadget: Gadget, world: World) -> GadgetStatus:
        looks.append(gadget.namespace)
        return GadgetStatus(phase=f"{len(world.children(ConfigMap))} children").ready("Fine")

    async def main() -> None:
        cluster = gadgets()
        child(cluster, GADGET, "one", "there")
        withheld = forbidding("/namespaces/there/configmaps")
        async with operating(look, cluster, namespaces=BOTH, refuses=withheld) as it:
            await until(lambda: ready(it, "there") == "Forbidden", "it says so")
            (said,) = it.gadget("one", "there")["status"]["conditions"]
            assert said["message"].startswith("it is not known what there is of configmaps: Forbidden (403)")
            assert "there" not in looks
            await calm(3600)
            assert it.results.count("forbidden") == 1, "it waits until it is told"
            assert it.retries == 0
            assert not [each for each in caplog.records if each.name == "rumpf.reconcile"]
            it.wire.refuses = nothing
            await until(lambda: text(it, "there") == "1 children", "it is looked at", 40)
            assert ready(it, "there") == "Fine"

    run(main())


def test_why_nothing_is_done_is_said_later_where_it_cannot_be_at_once() -> None:
    async def main() -> None:
        withheld = forbidding("/namespaces/there/configmaps")
        away = forbidding("/status", verbs=("PATCH",), status=503)
        either: Refuses = lambda verb, path: withheld(verb, path) or away(verb, path)  # noqa: E731 - one of both
        async with operating(mirror, gadgets(), namespaces=BOTH, refuses=either) as it:
            await calm()
            it.wire.refuses = withheld
            await until(lambda: ready(it, "there") == "Forbidden", "it says so", 40)

    run(main())


def test_what_is_not_seen_elsewhere_is_not_taken_for_what_is_not_there() -> None:
    async def look(_: Gadget, world: World) -> GadgetStatus:
        found = world.find(ConfigMap, "child", "there")
        return GadgetStatus(phase="found" if found else "not found").ready("Fine")

    async def main() -> None:
        cluster = gadgets()
        child(cluster, GADGET, "one", "there")
        withheld = forbidding("/namespaces/there/configmaps")
        async with operating(look, cluster, namespaces=BOTH, refuses=withheld) as it:
            await until(lambda: ready(it, "here") == "Forbidden", "it says so", 5)
            await calm(3600)
            it.wire.refuses = nothing
            await until(lambda: text(it, "here") == "found", "it is looked at again", 40)

    run(main())


def test_what_is_in_no_namespace_does_not_take_what_is_not_seen_for_what_is_not_there() -> None:
    async def look(planet: Planet, world: World) -> GadgetStatus:
        if planet.spec.text == "ensure":
            return GadgetStatus(phase=(await world.ensure(ConfigMap, moon)).name).ready("Fine")
        return GadgetStatus(phase=f"{len(world.children(ConfigMap))} children").ready("Fine")

    moon = {"metadata": {"name": "moon", "namespace": "there"}}
    operator = Operator("test", reconciler(Planet, owns=[ConfigMap])(look), description="A.")

    async def main() -> None:
        cluster = Cluster()
        for name in ("list", "ensure"):
            cluster.create(PLANET, name, spec={"text": name})
        child(cluster, PLANET, "list", "")
        withheld = forbidding("/namespaces/there/configmaps")
        async with operating(operator, cluster, namespaces=BOTH, refuses=withheld) as it:

            def said(name: str) -> str:
                return str((cluster.get(PLANET, name) or {}).get("status"))

            def is_forbidden(name: str) -> bool:
                return "'Forbidden'" in said(name)

            for name in ("list", "ensure"):
                await until(partial(is_forbidden, name), "it says so", 5)
            await calm(3600)
            assert not [each for each in cluster.asked if each.verb == "APPLY"]
            it.wire.refuses = nothing
            await until(lambda: "1 children" in said("list") and "moon" in said("ensure"), "it is seen", 40)

    run(main())


def test_only_what_a_resource_needs_must_be_seen() -> None:
    async def on_its_own(_: Gadget, __: World) -> GadgetStatus:
        return GadgetStatus(phase="served").ready("Fine")

    async def with_child(planet: Planet, world: World) -> None:
        await world.ensure(ConfigMap, config_map(planet.name))

    operator = Operator(
        "test",
        reconciler(Gadget)(on_its_own),
        reconciler(Planet, owns=[ConfigMap])(with_child),
        description="A.",
    )

    async def main() -> None:
        withheld = forbidding("/namespaces/there/configmaps")
        async with operating(operator, gadgets(), namespaces=BOTH, refuses=withheld) as it:
            await until(lambda: text(it, "there") == "served", "it is served", 5)

    run(main())


def test_what_is_on_its_way_out_and_nothing_is_left_to_do_for_needs_nothing_to_be_seen() -> None:
    async def main() -> None:
        cluster = gadgets()
        cluster.change(GADGET, "one", {"metadata": {"finalizers": ["somebody/elses"]}}, "there")
        cluster.delete(GADGET, "one", "there")
        withheld = forbidding("/namespaces/there/configmaps")
        async with operating(mirror, cluster, namespaces=BOTH, refuses=withheld) as it:
            await calm(5)
            assert "deleted" in it.results
            assert "forbidden" not in it.results

    run(main())


def test_what_one_kind_of_a_namespace_is_given_the_others_ask_for_at_once() -> None:
    async def main() -> None:
        async with operating(
            mirror, gadgets(), namespaces=BOTH, refuses=forbidding("/namespaces/there/")
        ) as it:
            there = [each for each in it.caches.reflectors if each.namespace == "there"]
            for seconds in (301, 307, 311):
                it.wire.refuses = forbidding("/namespaces/there/")
                it.wire.cut()
                await calm(seconds)
                it.wire.refuses = nothing
                await until(lambda: any(not each.refused for each in there), "one is served", 40)
                await calm(0.1)
                assert not it.caches.refused

    run(main())


def test_nothing_is_done_for_resources_whose_kind_is_no_more_and_all_is_known_when_it_is_back() -> None:
    async def main() -> None:
        cluster = gadgets()
        async with operating(mirror, cluster) as it:
            await calm(10)
            cluster.missing.add(GADGET.path())
            it.wire.cut()
            await calm(60)
            cluster.asked.clear()
            cluster.delete(CONFIG_MAP, "one", "there")
            await calm(60)
            assert not [each for each in cluster.asked if each.verb == "APPLY"]
            del cluster.objects[Place(GADGET.path(), "here", "one")]
            cluster.missing.clear()
            await until(lambda: cluster.get(CONFIG_MAP, "one", "there"), "the other one is served", 60)
            assert len(it.controller.store) == 1

    run(main())


def test_who_cannot_be_served_any_more_keeps_no_place() -> None:
    async def sit(_: Gadget, world: World) -> GadgetStatus:
        return GadgetStatus(phase="sits" if world.reserve("seat", 1) else "waits").ready("Fine")

    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", "there", spec={})
        async with operating(sit, cluster, namespaces=BOTH) as it:
            await until(lambda: text(it, "there") == "sits", "it has the seat", 5)
            cluster.create(GADGET, "one", "here", spec={})
            await until(lambda: text(it, "here") == "waits", "it waits for it", 5)
            it.wire.refuses = forbidding("/namespaces/there/configmaps", status=404)
            it.wire.cut()
            await calm()
            cluster.change(GADGET, "one", {"spec": {"size": 2}}, "there")
            await until(lambda: text(it, "here") == "sits", "it has it now", 5)

    run(main())


def test_what_was_refused_before_an_api_server_was_not_well_at_all_is_waited_for() -> None:
    async def main() -> None:
        it = Operating(operator_of(mirror), Wire(gadgets()), BOTH)
        begun = asyncio.get_running_loop().time()

        def refuses(verb: str, path: str) -> Exception | None:
            is_early = asyncio.get_running_loop().time() < begun + 1
            return forbidding("/namespaces/there/", status=403 if is_early else 500)(verb, path)

        it.wire.refuses = refuses
        watching = [asyncio.create_task(each.run()) for each in it.caches.reflectors]
        await calm(600)
        assert "not listed yet" in str(it.caches.missing())
        for each in watching:
            each.cancel()

    run(main())


def test_no_namespace_in_which_all_can_be_seen_is_none_that_can_be_served() -> None:
    async def main() -> None:
        it = Operating(operator_of(mirror), Wire(gadgets()), BOTH)
        it.wire.refuses = forbidding("/namespaces/there/gadgets", "/namespaces/here/configmaps")
        watching = [asyncio.create_task(each.run()) for each in it.caches.reflectors]
        waiting = asyncio.create_task(it.caches.wait())
        await calm(3600)
        assert not waiting.done()
        assert "configmaps" in str(it.caches.missing())
        assert "gadgets" in str(it.caches.missing())
        it.wire.refuses = forbidding("/namespaces/there/gadgets")
        await until(waiting.done, "one can be served", 40)
        for each in watching:
            each.cancel()

    run(main())


def test_what_is_refused_for_a_moment_after_a_start_is_waited_for() -> None:
    async def main() -> None:
        begun = asyncio.get_running_loop().time()
        moment = of(
            lambda: asyncio.get_running_loop().time() < begun + 2,
            forbidding("/namespaces/there/", "/secrets"),
        )
        everywhere = {"secrets": BOTH}
        async with operating(
            with_secrets(), gadgets(), namespaces=BOTH, grants=everywhere, refuses=moment
        ) as it:
            assert it.caches.without == []
            await until(lambda: text(it, "there") == text(it, "here") == "unseen", "it is given", 5)
            await calm()
            assert len(it.results) == 2, "there was nothing to be told anew"

    run(main())


MISSING = 'configmaps is forbidden: User "system:serviceaccount:a:b" cannot patch resource "configmaps"'
QUOTA = 'configmaps "one" is forbidden: exceeded quota: few, requested: configmaps=1'


@pytest.mark.parametrize(("words", "reason"), [(MISSING, "Forbidden"), (QUOTA, "ApiError")], ids=str)
def test_what_a_reconcile_may_not_do_is_said_of_the_resource_with_no_traceback(
    words: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    def refuses(verb: str, path: str) -> Exception | None:
        is_meant = verb == "APPLY" and "/namespaces/there/configmaps" in path
        return refusal(403, words) if is_meant else None

    async def main() -> None:
        async with operating(mirror, gadgets(), namespaces=BOTH, refuses=refuses) as it:
            await until(lambda: ready(it, "there") == reason, "it says so")
            await calm(3600)
            assert not [each for each in caplog.records if each.exc_info]
            assert len(it.results) < 40

    run(main())


# Where a grant was given.


def concerns(_: View, index: Index) -> list[tuple[str, str]]:
    return [(each.namespace, each.name) for each in index.resources("there")]


async def look(_: Gadget, world: World) -> GadgetStatus:
    """Say what of the Secrets is seen."""
    seen = "seen" if world.find(Secret, "one") else "unseen"
    return GadgetStatus(phase=seen if world.granted(SECRETS) else "withheld").ready("Fine")


def with_secrets() -> Operator:
    watches = [Watch(Secret, concerns, grant=SECRETS)]
    return Operator("test", reconciler(Gadget, watches=watches)(look), description="A.", grants=[SECRETS])


@pytest.mark.parametrize("places", [("*",), ("there",)], ids=str)
@pytest.mark.parametrize("is_there", [True, False], ids=["a Secret", "none"])
def test_a_grant_that_was_given_in_name_only_is_none_until_it_is_given(
    places: tuple[str, ...], *, is_there: bool
) -> None:
    async def main() -> None:
        cluster = gadgets()
        if is_there:
            cluster.create(Secret.kind, "one", "there")
        withheld = forbidding("/secrets")
        async with operating(with_secrets(), cluster, grants={"secrets": places}, refuses=withheld) as it:
            await until(lambda: text(it, "there") == "withheld", "it says so", 5)
            assert not it.stage.granted(SECRETS, "")
            await calm(3600)
            it.wire.refuses = nothing
            await until(lambda: text(it, "there") == ("seen" if is_there else "unseen"), "it is given", 40)
            assert it.stage.granted(SECRETS, "")

    run(main())


def test_a_grant_that_is_taken_away_is_none_and_one_that_is_written_anew_is_given_all_the_time() -> None:
    async def main() -> None:
        cluster = gadgets()
        async with operating(with_secrets(), cluster, grants={"secrets": ("here", "there")}) as it:
            await calm()
            it.wire.refuses = forbidding("/namespaces/there/secrets")
            it.wire.cut()
            for _ in range(8):
                await calm(1)
                assert it.stage.granted(SECRETS, "there")
            await calm(10)
            assert not it.stage.granted(SECRETS, "there")
            assert it.stage.granted(SECRETS, "here")
            assert it.stage.granted(SECRETS, "")
            await until(lambda: text(it, "there") == "withheld", "it is told", 5)
            it.wire.refuses = nothing
            await until(lambda: text(it, "there") == "unseen", "it is told again", 40)

    run(main())


def test_all_that_may_have_asked_for_a_grant_are_looked_at_when_it_comes_after_what_is_more_urgent() -> None:
    async def elsewhere(_: Gadget, world: World) -> GadgetStatus:
        return GadgetStatus(phase=str(world.granted(SECRETS, "there"))).ready("Fine")

    watches = [Watch(Secret, concerns, grant=SECRETS)]
    operator = Operator(
        "test", reconciler(Gadget, watches=watches)(elsewhere), description="A.", grants=[SECRETS]
    )

    async def main() -> None:
        there = {"secrets": ("there",)}
        async with operating(
            operator, gadgets(), namespaces=BOTH, grants=there, refuses=forbidding("/secrets")
        ) as it:
            await until(lambda: text(it, "here") == "False", "it is told", 5)
            await calm(300)
            why: list[Urgency] = []
            add = it.controller.queue.add

            def added(key: Key, urgency: Urgency = Urgency.CHANGED) -> None:
                why.append(urgency)
                add(key, urgency)

            it.controller.queue.add = added  # type: ignore[method-assign]
            it.wire.refuses = nothing
            await until(lambda: text(it, "here") == "True", "it is told again", 40)
            assert set(why) == {Urgency.LOOK}

    run(main())


def test_an_author_may_ask_for_a_grant_in_another_thread() -> None:
    async def main() -> Operating:
        refused = forbidding("/secrets")
        async with operating(
            with_secrets(), gadgets(), namespaces=BOTH, grants={"secrets": BOTH}, refuses=refused
        ) as it:
            return it

    assert not run(main()).stage.granted(SECRETS, "here"), "no event loop is asked"
