"""Defaults are JSON. What is empty is not written: absent, Python reads it as empty."""

import datetime as dt
import enum
from typing import Annotated

from pydantic import Field

from rumpf import Model
from rumpf.schema.markers import ListMap
from rumpf.types import Duration, Quantity


class Mode(enum.Enum):
    FAST = "fast"
    SAFE = "safe"


class Limits(Model):
    cpu: Quantity = Quantity("100m")
    memory: Quantity = Quantity("64Mi")


class Port(Model):
    name: str
    port: int = 80


class Subject(Model):
    text: str = ""
    yes: bool = True
    none: int = 0
    mode: Mode = Mode.SAFE
    since: dt.datetime = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    every: Duration = Duration("1h30m")
    limits: Limits = Limits()
    generous: Limits = Limits(cpu=Quantity("2"))
    made: Limits = Field(default_factory=Limits)
    ports: Annotated[list[Port], ListMap("name")] = [Port(name="web"), Port(name="admin", port=81)]
    empty_list: list[str] = Field(default_factory=list)
    empty_map: dict[str, str] = {}


subject = Subject
