"""What is wrong with a bundle or a catalog: one thing, where it is, and what to do about it."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """One thing that a rule finds."""

    rule: str
    level: Level
    where: str
    what: str
    remedy: str


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and whose rule says so."""

    suite: str
    rule: str
    level: Level
    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.level}: {self.where}: {self.what} ({self.suite}/{self.rule})\n  -> {self.remedy}"


def error(rule: str, where: str, what: str, remedy: str) -> Problem:
    """Return what makes a bundle or catalog unusable."""
    return Problem(rule, "error", where, what, remedy)


def warning(rule: str, where: str, what: str, remedy: str) -> Problem:
    """Return what works, and should not be."""
    return Problem(rule, "warning", where, what, remedy)
