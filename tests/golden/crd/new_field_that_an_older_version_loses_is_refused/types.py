"""A client of the older version reads, changes and writes back: the new field would be gone."""

from rumpf import Model, Resource


class OldSpec(Model):
    text: str


class Spec(Model):
    text: str
    colour: str | None = None


class OldNote(
    Resource, group="golden.rumpf.dev", version="v1alpha1", plural="notes", kind="Note", singular="note"
):
    spec: OldSpec


class Note(Resource, group="golden.rumpf.dev", version="v1", plural="notes", other_versions=[OldNote]):
    spec: Spec


subject = Note
