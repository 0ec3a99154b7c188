"""Columns speak of wire names."""

from rumpf import Column, Model, Resource, Status


class Spec(Model):
    text: str


class NoteStatus(Status):
    pod_name: str | None = None


class Note(
    Resource,
    group="golden.rumpf.dev",
    version="v1",
    plural="notes",
    columns=[Column("Pod", ".status.pod_name")],
):
    spec: Spec
    status: NoteStatus = NoteStatus()


subject = Note
