"""Items of a keyed list are told apart by the key, so each must have one."""

from typing import Annotated

from rumpf import Model
from rumpf.schema.markers import ListMap


class Rule(Model):
    name: str | None = None


class Subject(Model):
    rules: Annotated[list[Rule], ListMap("name")] = []


subject = Subject
