"""A schema has no word for which keys a map may have."""

from typing import Annotated

from pydantic import Field

from rumpf import Model


class Subject(Model):
    labels: dict[Annotated[str, Field(max_length=63)], str] = {}


subject = Subject
