"""Rules about `oldSelf`: guarded by the model around, or knowingly not."""

from typing import Annotated

from pydantic import Field

from rumpf import Cel, Model
from rumpf.schema.markers import ListMap


class Disk(Model):
    name: Annotated[str, Field(max_length=63)]
    size: Annotated[int, Cel("self >= oldSelf", "cannot shrink", removable=True)]


class Subject(Model):
    __cel__ = (Cel("!has(oldSelf.size) || has(self.size)", "size cannot be removed"),)

    size: Annotated[int | None, Cel("self >= oldSelf", "cannot shrink", reason="FieldValueForbidden")] = None
    disks: Annotated[list[Disk], ListMap("name"), Field(max_length=8)] = []


subject = Subject
