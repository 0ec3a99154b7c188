"""Nullable: null is kept and is not the same as absent, also where a default would be filled in."""

from typing import Annotated

from rumpf import Model
from rumpf.schema.markers import Nullable


class Subject(Model):
    required: Annotated[str | None, Nullable()]
    optional: Annotated[int | None, Nullable()] = None
    defaulted: Annotated[int | None, Nullable()] = 5
    items: list[Annotated[str | None, Nullable()]] = []


subject = Subject
