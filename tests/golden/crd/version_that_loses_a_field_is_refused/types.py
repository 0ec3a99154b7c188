"""Nothing converts: what one version has and the other has not would be lost."""

from rumpf import Model, Resource


class OldSpec(Model):
    text: str
    colour: str | None = None


class Spec(Model):
    text: str


class OldNote(
    Resource, group="golden.rumpf.dev", version="v1alpha1", plural="notes", kind="Note", singular="note"
):
    spec: OldSpec


class Note(Resource, group="golden.rumpf.dev", version="v1", plural="notes", other_versions=[OldNote]):
    spec: Spec


subject = Note
