"""An API server tells only scalars apart."""

from typing import Annotated

from rumpf import Model
from rumpf.schema.markers import ListSet


class Rule(Model):
    name: str


class Subject(Model):
    rules: Annotated[list[Rule], ListSet()] = []


subject = Subject
