"""Declarations that the tests of manifests start from."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from rumpf import Grant, Model, Operator, Pod, Resource, Rule, Setting, Status, Watch, World, reconciler


class NoteSpec(Model):
    """What a Note says."""

    text: str
    labels: dict[str, str] = Field(default_factory=dict)


class Note(Resource, group="notes.example.com", version="v1", plural="notes"):
    """A note."""

    spec: NoteSpec
    status: Status = Status()


def declared(
    *,
    may: Sequence[Rule] = (),
    settings: Sequence[Setting] = (),
    samples: Sequence[Mapping[str, Any]] = (),
    replicas: int = 2,
    watches: Sequence[Watch] = (),
    grants: Sequence[Grant] = (),
) -> Operator:
    """Return an operator of Notes."""

    @reconciler(Note, owns=[Pod], may=may, watches=watches)
    async def reconcile(_note: Note, _world: World) -> Status:
        return Status()

    return Operator(
        "note",
        reconcile,
        description="Notes.",
        settings=settings,
        samples=samples,
        replicas=replicas,
        grants=grants,
    )
