"""`self == oldSelf` on an optional field: remove it, and set it anew."""

from typing import Annotated

from pydantic import Field

from rumpf import Cel, Model


class Storage(Model):
    size: Annotated[int, Field(ge=1), Cel("self >= oldSelf", "cannot shrink")] = 1


class Subject(Model):
    storage: Storage | None = None


subject = Subject
