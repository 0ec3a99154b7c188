"""Version numbers as OLM reads them (semver 2.0), and the ranges of versions that it understands."""

import re
from dataclasses import dataclass
from functools import total_ordering

_NUMBER = r"0|[1-9][0-9]*"
_WORD = r"[0-9A-Za-z-]"
_VERSION = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})"
    rf"(?:-((?:{_WORD}+)(?:\.{_WORD}+)*))?"
    rf"(?:\+((?:{_WORD}+)(?:\.{_WORD}+)*))?"
)
_COMPARISON = re.compile(r"(?P<operator>[<>=!]*)\s*(?P<version>[^\s<>=!]+)")
_OPERATORS = frozenset({"", "=", "==", ">", "<", ">=", "<=", "!", "!="})
_WILDCARDS = frozenset({"x", "X", "*"})
_MOST_PARTS = 3


@total_ordering
@dataclass(frozen=True)
class Version:
    """A version. What follows a + says how it was built, and puts it neither before nor after another."""

    major: int = 0
    minor: int = 0
    patch: int = 0
    pre: tuple[str, ...] = ()
    build: str = ""

    @classmethod
    def parse(cls, text: str) -> "Version | None":
        """Return the version that a text is; None where it is none."""
        found = _VERSION.fullmatch(text)
        if found is None:
            return None
        pre = tuple(found[4].split(".")) if found[4] else ()
        if any(each.isdecimal() and each != "0" and each.startswith("0") for each in pre):
            return None
        return cls(int(found[1]), int(found[2]), int(found[3]), pre, found[5] or "")

    @property
    def _order(self) -> tuple[object, ...]:
        # A number is before a word; a version is after all that come before its release.
        parts = tuple((0, int(each), "") if each.isdecimal() else (1, 0, each) for each in self.pre)
        return (self.major, self.minor, self.patch, not parts, parts)

    def __lt__(self, other: "Version") -> bool:
        return self._order < other._order

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        return (
            text + (f"-{'.'.join(self.pre)}" if self.pre else "") + (f"+{self.build}" if self.build else "")
        )


def range_trouble(text: str) -> str | None:
    """Return why a range of versions, as in skipRange, cannot be read; None where it can.

    A range is comparisons beside each other, all of which must hold, and `||` between such groups.
    """
    if not text.strip():
        return "it is empty"
    for group in text.split("||"):
        rest = group.strip()
        if not rest:
            return "nothing stands on one side of ||"
        while rest:
            found = _COMPARISON.match(rest)
            if found is None:
                return f"{rest!r} is no comparison"
            if trouble := _comparison_trouble(found["operator"], found["version"]):
                return trouble
            rest = rest[found.end() :].strip()
    return None


def _comparison_trouble(operator: str, version: str) -> str | None:
    if operator not in _OPERATORS:
        return f"{operator!r} is no comparison"
    parts = version.split(".")
    if _WILDCARDS.isdisjoint(parts):
        return None if Version.parse(version) else f"{version!r} is no version"
    known = parts[: next(number for number, each in enumerate(parts) if each in _WILDCARDS)]
    if not known or len(parts) > _MOST_PARTS or not _WILDCARDS.issuperset(parts[len(known) :]):
        return f"{version!r} is no version"
    full = ".".join([*known, *["0"] * (_MOST_PARTS - len(known))])
    return None if Version.parse(full) else f"{version!r} is no version"
