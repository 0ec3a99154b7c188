"""`X | None = None` may be absent, and is never null. The choices of an enum stay as they are."""

import enum
from typing import Literal

from rumpf import Model


class Level(enum.StrEnum):
    LOW = "low"
    HIGH = "high"


class Inner(Model):
    name: str


class Subject(Model):
    text: str | None = None
    number: int | None = None
    level: Level | None = None
    mode: Literal["a", "b"] | None = None
    same_mode: Literal["a", "b", None] = None  # noqa: PYI061 - people write it so, too
    inner: Inner | None = None
    many: list[str] | None = None
    some: dict[str, int] | None = None
    default_level: Level = Level.LOW


subject = Subject
