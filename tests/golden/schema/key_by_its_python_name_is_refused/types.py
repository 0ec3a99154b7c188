"""Keys are wire names."""

from typing import Annotated

from rumpf import Model
from rumpf.schema.markers import ListMap


class Rule(Model):
    rule_name: str


class Subject(Model):
    rules: Annotated[list[Rule], ListMap("rule_name")] = []


subject = Subject
