"""What people may do with the resources of an operator."""

from typing import Any

from rumpf import Model, Operator, Resource, Status, World, reconciler
from rumpf.manifests import Options, render
from rumpf.manifests.people import is_for_people
from rumpf.resource import Scale
from tests.unit.manifests.declared import Note, NoteSpec, declared


class Size(Model):
    """How many."""

    replicas: int = 1


class Sizes(Status):
    """How many there are."""

    replicas: int = 0


class Farm(Resource, group="farms.example.com", version="v1", plural="farms", scale=Scale()):
    """It can be scaled."""

    spec: Size
    status: Sizes = Sizes()


class Planet(Resource, group="farms.example.com", version="v1", plural="planets", namespaced=False):
    """It is in no namespace."""

    spec: NoteSpec
    status: Status = Status()


def of(*resources: type[Resource]) -> Operator:
    async def look(_it: Resource, _world: World) -> Status:
        return Status()

    made: list[Any] = [reconciler(each)(look) for each in resources]
    return Operator("farm", *made, description="Farms.")


def rights(operator: Operator, role: str) -> set[tuple[str, str]]:
    (found,) = [
        each
        for each in render(operator).deploy
        if f"rbac.authorization.k8s.io/aggregate-to-{role}" in each["metadata"]["labels"]
    ]
    assert is_for_people(found)
    return {
        (plural, verb) for rule in found["rules"] for plural in rule["resources"] for verb in rule["verbs"]
    }


def test_viewers_read_all_of_it_and_editors_write_what_is_asked_for() -> None:
    operator = of(Note, Farm)
    assert rights(operator, "view") == {
        (plural, verb)
        for plural in ("notes", "notes/status", "farms", "farms/status", "farms/scale")
        for verb in ("get", "list", "watch")
    }
    writes = {"create", "delete", "deletecollection", "patch", "update"}
    assert rights(operator, "edit") == {
        *((plural, verb) for plural in ("notes", "farms") for verb in writes),
        ("farms/scale", "patch"),
        ("farms/scale", "update"),
    }


def test_who_may_edit_a_namespace_does_not_reach_beyond_it() -> None:
    assert {plural for plural, _ in rights(of(Note, Planet), "edit")} == {"notes"}
    assert not any(is_for_people(each) for each in render(of(Planet)).deploy)


def test_where_it_looks_after_some_namespaces_nothing_is_said_of_others() -> None:
    assert not any(is_for_people(each) for each in render(declared(), Options(watch=["one"])).deploy)
