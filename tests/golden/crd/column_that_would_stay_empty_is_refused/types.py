"""kubectl shows nothing where a column's type is not that of the field."""

from rumpf import Column, Model, Resource


class Spec(Model):
    text: str


class Note(
    Resource,
    group="golden.rumpf.dev",
    version="v1",
    plural="notes",
    columns=[Column("Text", ".spec.text", type="integer")],
):
    spec: Spec


subject = Note
