"""A new object has no status: whatever is sent along is dropped."""

from rumpf import Model, Resource, Status


class Spec(Model):
    text: str


class Note(Resource, group="golden.rumpf.dev", version="v1", plural="notes"):
    spec: Spec
    status: Status


subject = Note
