"""Lists are replaced as a whole, sets and lists with a key are merged; `uniqueItems` is never said."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from rumpf import Model
from rumpf.schema.markers import Atomic, ListMap, ListSet


class Rule(Model):
    name: str
    port: int = 80
    note: str | None = None


class Subject(Model):
    plain: list[str] = []
    whole: Annotated[tuple[int, ...], Atomic()] = ()
    sequence: Annotated[Sequence[str], Field(min_length=1, max_length=3)] = ["a"]
    marked: Annotated[list[str], ListSet()] = []
    names: set[str] = set()
    frozen: frozenset[int] = frozenset({2, 1})
    rules: Annotated[list[Rule], ListMap("name", "port"), Field(max_length=3)] = []


subject = Subject
