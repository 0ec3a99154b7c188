"""A field has one name on the wire."""

from pydantic import Field

from rumpf import Model


class Subject(Model):
    size: int = Field(validation_alias="capacity", serialization_alias="size")


subject = Subject
