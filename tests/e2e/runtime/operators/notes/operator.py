"""Notes and Shelves: all that a runtime does, in one operator without Pods."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field

from rumpf import (
    ConfigMap,
    Manifest,
    Model,
    Operator,
    Refused,
    Resource,
    Setting,
    Status,
    View,
    Waiting,
    Watch,
    World,
    reconciler,
)
from rumpf.operator import Index

POLICY = "notes.test/policy"


class NoteSpec(Model):
    """What is wanted."""

    text: str = "text"
    """Goes into the ConfigMap."""
    extra: str | None = None
    """Goes there too, if it is there."""
    parts: tuple[str, ...] = ()
    """Each has a place of its own in the status."""
    every: int | None = None
    """Look again after so many milliseconds."""
    trouble: Literal["", "fails", "refused", "waits", "hangs"] = ""
    """What is to go wrong."""


class NoteStatus(Status):
    """What became of it."""

    parts: dict[str, str] = Field(default_factory=dict[str, str])
    policy: str | None = None
    looks: int = 0


class Note(Resource, group="notes.test", version="v1", plural="notes"):
    """A text in a ConfigMap, and a file outside of the cluster."""

    spec: NoteSpec = NoteSpec()
    status: NoteStatus = NoteStatus()


class ShelfSpec(Model):
    """What is wanted."""

    namespace: str
    """Where its ConfigMap is."""
    text: str = "text"


class Shelf(Resource, group="notes.test", version="v1", plural="shelves", namespaced=False):
    """A text in a ConfigMap, of the whole cluster."""

    spec: ShelfSpec
    status: Status = Status()


def child_of(note: Note) -> Manifest:
    """Return a Note's ConfigMap."""
    extra = {"extra": note.spec.extra} if note.spec.extra is not None else {}
    return {"metadata": {"name": f"note-{note.name}"}, "data": {"text": note.spec.text, **extra}}


def concerned(policy: View, notes: Index) -> Iterable[tuple[str, str]]:
    """A policy concerns all Notes of its namespace; an odd one nobody can make sense of."""
    if policy.labels[POLICY] == "odd":
        raise RuntimeError("an odd policy")
    return [(note.namespace, note.name) for note in notes.resources(policy.namespace)]


def outside(note: Note, world: World) -> Path:
    """Return the file that a Note has outside of the cluster."""
    return Path(world.settings["OUTSIDE"]) / f"{note.namespace}.{note.name}"


async def go_wrong(note: Note) -> None:
    """Go wrong as was asked for."""
    match note.spec.trouble:
        case "fails":
            raise RuntimeError("it was to fail")
        case "refused":
            raise Refused("NotAllowed", "it was to be refused")
        case "waits":
            raise Waiting("Warming", "it was to wait", again=1.0)
        case "hangs":
            await asyncio.sleep(3600)


async def finalize(note: Note, world: World) -> None:
    """Remove the file."""
    await go_wrong(note)
    outside(note, world).unlink(missing_ok=True)


@reconciler(
    Note,
    owns=[ConfigMap],
    watches=[Watch(ConfigMap, concerned, labels=POLICY)],
    finalize=finalize,
)
async def reconcile(note: Note, world: World) -> NoteStatus:
    """Have the file, and the ConfigMap; say what the policy is."""
    outside(note, world).write_text(note.spec.text)
    await go_wrong(note)
    await world.ensure(ConfigMap, child_of(note))
    if note.spec.every is not None:
        world.again(note.spec.every / 1000)
    policy = world.find(ConfigMap, "policy")
    return NoteStatus(
        parts=dict.fromkeys(note.spec.parts, note.spec.text),
        policy=policy.get("data", "say") if policy else None,
        looks=note.status.looks + 1 if note.spec.every is not None else 0,
    ).ready("Written")


@reconciler(Shelf, owns=[ConfigMap])
async def reconcile_shelf(shelf: Shelf, world: World) -> Status:
    """Have the ConfigMap, where it says."""
    metadata = {"name": f"shelf-{shelf.name}", "namespace": shelf.spec.namespace}
    await world.ensure(ConfigMap, {"metadata": metadata, "data": {"text": shelf.spec.text}})
    return Status().ready("Written")


operator = Operator(
    "notes",
    reconcile,
    reconcile_shelf,
    description="All that a runtime does.",
    settings=[Setting("OUTSIDE", ".", "A folder for what lies outside of the cluster.")],
)
