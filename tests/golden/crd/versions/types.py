"""Two versions with the same fields, nothing converted: the older one is more generous, and deprecated."""

from typing import Annotated, Literal

from pydantic import Field

from rumpf import Model, Resource, Status


class OldSpec(Model):
    mode: Literal["fast"] = "fast"
    text: Annotated[str, Field(max_length=10)]


class Spec(Model):
    mode: Literal["fast", "safe"] = "safe"
    text: Annotated[str, Field(max_length=20)]


class OldNote(
    Resource,
    group="golden.rumpf.dev",
    version="v1alpha1",
    plural="notes",
    kind="Note",
    singular="note",
    deprecated="v1alpha1 is going away: use v1",
):
    spec: OldSpec
    status: Status = Status()


class Note(Resource, group="golden.rumpf.dev", version="v1", plural="notes", other_versions=[OldNote]):
    spec: Spec
    status: Status = Status()


subject = Note
