"""Immutable holds though everything that it stands in is optional: nothing of it can be removed, once set."""

from typing import Annotated

from pydantic import Field

from rumpf import Model
from rumpf.schema.markers import Immutable, Nullable


class Volume(Model):
    storage_class: Annotated[str | None, Immutable(), Field(max_length=63)] = None
    size: int = 1


class Storage(Model):
    volume: Volume | None = None
    namespace: Annotated[str | None, Immutable("stays where it is"), Field(max_length=63)] = None


class Subject(Model):
    name: Annotated[str, Immutable(), Field(max_length=63)]
    storage: Storage | None = None
    kind: Annotated[str, Immutable(), Field(max_length=63)] = "usual"
    owner: Annotated[str | None, Nullable(), Immutable(), Field(max_length=63)]


subject = Subject
