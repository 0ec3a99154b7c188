"""`additionalProperties` and no `properties`; a model never says `additionalProperties: false`."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from rumpf import Model
from rumpf.schema.markers import Atomic


class Value(Model):
    weight: int


class Subject(Model):
    labels: Annotated[dict[str, str], Field(max_length=2)] = {}
    limits: Mapping[str, Annotated[int, Field(ge=0)]] = {}
    values: Annotated[dict[str, Value], Atomic()] = {}
    nested: dict[str, list[dict[str, bool]]] = {"a": [{"b": True}]}


subject = Subject
