"""CEL has a budget: the API server reckons with the longest list that there can be."""

from typing import Annotated

from rumpf import Cel, Model


class Rule(Model):
    port: Annotated[int, Cel("self != 22", "not this one")]


class Subject(Model):
    rules: list[Rule] = []


subject = Subject
