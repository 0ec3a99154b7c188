"""Nothing tells which item of a plain list it was before."""

from typing import Annotated

from pydantic import Field

from rumpf import Cel, Model


class Disk(Model):
    size: Annotated[int, Cel("self >= oldSelf", "cannot shrink", removable=True)]


class Subject(Model):
    disks: Annotated[list[Disk], Field(max_length=8)] = []


subject = Subject
