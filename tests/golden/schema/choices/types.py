"""Enums and literals, of texts, numbers and booleans; aliases of types are looked through."""

import enum
from typing import Annotated, Literal, NewType

from pydantic import Field
from typing_extensions import TypeAliasType

from rumpf import Model


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


UserId = NewType("UserId", str)
ShortText = TypeAliasType("ShortText", Annotated[str, Field(max_length=8)])


class Subject(Model):
    size: Size = Size.SMALL
    mode: Literal["fast", "safe"]
    level: Literal[1, 2, 3] = 1
    agreed: Literal[True] = True
    user: UserId
    text: ShortText = "short"
    texts: list[ShortText] = []


subject = Subject
