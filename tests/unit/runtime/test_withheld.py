"""What may not be listed: a namespace that is gone, a right that was not given."""

import asyncio
import logging
from collections.abc import Callable, Sequence

import pytest

from rumpf import ConfigMap, Grant, Operator, Secret, View, Watch, World, reconciler
from rumpf.operator import Index
from tests.unit.runtime.clockwork import run
from tests.unit.runtime.cluster import Cluster, Wire
from tests.unit.runtime.operating import (
    CONFIG_MAP,
    GADGET,
    Gadget,
    GadgetStatus,
    Operating,
    calm,
    mirror,
    operating,
    operator_of,
    until,
)
from tests.unit.runtime.shelf import refusal

SECRETS = Grant("secrets", "Reads Secrets.")
BOTH = ("here", "there")
Refuses = Callable[[str, str], Exception | None]


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


def test_what_cannot_be_seen_is_not_taken_for_what_is_not_there() -> None:
    looks: list[str] = []

    async def look(gadget: Gadget, world: World) -> GadgetStatus:
        looks.append(gadget.namespace)
        return GadgetStatus(phase=f"{len(world.children(ConfigMap))} children").ready("Fine")

    async def main() -> None:
        cluster = gadgets()
        owner = {"uid": (cluster.get(GADGET, "one", "there") or {})["metadata"]["uid"]}
        labels = {"app.kubernetes.io/managed-by": "test-operator"}
        cluster.create(CONFIG_MAP, "child", "there", metadata={"labels": labels, "ownerReferences": [owner]})
        withheld = forbidding("/namespaces/there/configmaps")
        async with operating(look, cluster, namespaces=BOTH, refuses=withheld) as it:
            await until(lambda: ready(it, "there") == "Forbidden", "it says so")
            (said,) = it.gadget("one", "there")["status"]["conditions"]
            assert said["message"].startswith("it is not known what there is of configmaps: Forbidden (403)")
            assert "there" not in looks
            await calm(3600)
            it.wire.refuses = nothing
            await until(lambda: text(it, "there") == "1 children", "it is looked at", 40)
            assert ready(it, "there") == "Fine"

    run(main())


def test_what_a_reconcile_may_not_do_is_said_of_the_resource_with_no_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        withheld = forbidding("/namespaces/there/configmaps", verbs=("APPLY",))
        async with operating(mirror, gadgets(), namespaces=BOTH, refuses=withheld) as it:
            await until(lambda: ready(it, "there") == "Forbidden", "it says so")
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
            cluster.change(GADGET, "one", {"spec": {"size": 2}}, "there")
            await until(lambda: text(it, "there") == "withheld", "it is told")
            it.wire.refuses = nothing
            await until(lambda: text(it, "there") == "unseen", "it is told again", 40)

    run(main())
