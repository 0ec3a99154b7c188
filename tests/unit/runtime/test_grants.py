"""What a process makes of the rights that it was given: it asks nowhere else, and its author can tell."""

from collections.abc import Mapping

import pytest

from rumpf import Grant, Operator, Rule, Secret, View, Watch, World, reconciler
from rumpf.errors import DeclarationError
from rumpf.operator import Index
from rumpf.runtime.environment import Environment
from tests.unit.runtime.clockwork import run
from tests.unit.runtime.cluster import Cluster
from tests.unit.runtime.operating import GADGET, Gadget, GadgetStatus, operating, phase, until

SECRETS = Grant("secrets", "Reads Secrets.")
ROLL_OUT = Grant("roll-out", "Changes Deployments.", default=True)
EVERYWHERE, WITHHELD = ("*",), ()


def concerns(_: View, index: Index) -> list[tuple[str, str]]:
    return [(each.namespace, each.name) for each in index.resources("ns")]


async def look(gadget: Gadget, world: World) -> GadgetStatus:
    """Say what of the Secrets is seen."""
    place = None if gadget.spec.text == "own" else gadget.spec.text
    seen = world.find(Secret, "one", place)
    granted = world.granted(SECRETS, place)
    return GadgetStatus(phase=f"{'granted' if granted else 'withheld'}, {'seen' if seen else 'unseen'}")


def operator() -> Operator:
    return Operator(
        "test",
        reconciler(
            Gadget,
            watches=[Watch(Secret, concerns, grant=SECRETS)],
            may=[Rule("apps", "deployments", ("patch",), grant=ROLL_OUT)],
        )(look),
        description="A test.",
        grants=[SECRETS, ROLL_OUT],
    )


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({}, (WITHHELD, EVERYWHERE)),
        ({"RUMPF_GRANT_SECRETS": "*", "RUMPF_GRANT_ROLL_OUT": ""}, (EVERYWHERE, WITHHELD)),
        ({"RUMPF_GRANT_SECRETS": " b,a ,, b"}, (("a", "b"), EVERYWHERE)),
        ({"WATCH_NAMESPACE": "b,a", "RUMPF_GRANT_SECRETS": "b"}, (("b",), ("a", "b"))),
        ({"WATCH_NAMESPACE": "a", "RUMPF_GRANT_SECRETS": "b,c"}, (WITHHELD, ("a",))),
    ],
    ids=str,
)
def test_grants_are_taken_from_the_environment_or_are_as_declared_within_what_is_watched(
    variables: Mapping[str, str], found: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    assert Environment.of(operator(), variables).grants == dict(
        zip(("secrets", "roll-out"), found, strict=True)
    )


@pytest.mark.parametrize(
    ("namespaces", "grant", "places"),
    [
        ((), EVERYWHERE, [""]),
        ((), ("a", "b"), ["a", "b"]),
        ((), WITHHELD, []),
        (("a", "b"), EVERYWHERE, ["a", "b"]),
        (("a", "b"), ("b",), ["b"]),
    ],
    ids=str,
)
def test_what_takes_a_grant_is_watched_where_it_is_given_and_nowhere_else(
    namespaces: tuple[str, ...], grant: tuple[str, ...], places: list[str]
) -> None:
    async def main() -> None:
        async with operating(operator(), Cluster(), namespaces=namespaces, grants={"secrets": grant}) as it:
            watches = [each for each in it.caches.reflectors if each.kind == Secret.kind]
            assert [each.namespace for each in watches] == places
            others = [each.namespace for each in it.caches.reflectors if each.kind == GADGET]
            assert others == list(namespaces or ("",))

    run(main())


def test_a_watch_that_takes_no_grant_is_not_narrowed_by_one_of_the_same_kind_that_does() -> None:
    watches = [Watch(Secret, concerns, grant=SECRETS), Watch(Secret, concerns)]
    both = Operator("test", reconciler(Gadget, watches=watches)(look), description="A.", grants=[SECRETS])

    async def main() -> None:
        async with operating(both, Cluster(), grants={"secrets": ("a",)}) as it:
            assert [each.namespace for each in it.caches.reflectors] == ["", ""]

    run(main())


def test_an_author_is_told_whether_a_right_is_given_in_the_resources_namespace_or_another() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.create(Secret.kind, "one")
        cluster.create(Secret.kind, "one", "elsewhere")
        cluster.create(GADGET, "here", spec={"text": "own"})
        cluster.create(GADGET, "there", spec={"text": "elsewhere"})
        async with operating(operator(), cluster, grants={"secrets": ("ns",)}) as it:
            await until(lambda: phase(it, "here") == "granted, seen", "its own namespace")
            await until(lambda: phase(it, "there") == "withheld, unseen", "another")
        async with operating(operator(), cluster, grants={"secrets": EVERYWHERE}) as it:
            await until(lambda: phase(it, "there") == "granted, seen", "everywhere")
        async with operating(operator(), cluster) as it:
            await until(lambda: phase(it, "here") == "withheld, unseen", "nobody gave it")

    run(main())


@pytest.mark.parametrize(
    ("places", "given"), [(EVERYWHERE, True), (("a",), True), (WITHHELD, False)], ids=str
)
def test_what_is_in_no_namespace_is_given_if_it_is_given_anywhere(
    places: tuple[str, ...], *, given: bool
) -> None:
    async def main() -> None:
        async with operating(operator(), Cluster(), grants={"roll-out": places}) as it:
            assert it.stage.granted(ROLL_OUT, "") is given

    run(main())


def test_a_grant_that_was_not_declared_is_named() -> None:
    async def main() -> None:
        async with operating(operator(), Cluster()) as it:
            with pytest.raises(DeclarationError, match="it asks for the grant other, which nobody can give"):
                it.stage.granted(Grant("other", "Something."), "ns")

    run(main())
