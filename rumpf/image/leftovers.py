"""What is left of a Debian package after somebody deleted files of it, as images without a shell do."""

import re
from collections.abc import Collection, Iterable
from typing import Literal

State = Literal["whole", "without programs", "gone"]

_MOVED = re.compile(r"\A(?=(?:bin|sbin|lib|lib32|lib64|libx32)/)")
"""Where Debian merged folders into /usr, a package may still list the old one."""
_PROGRAM = re.compile(r"usr/(?:local/)?(?:s?bin|games)/.+")
_ABOUT = re.compile(
    r"(?:etc|var)/.+"
    r"|usr/share/(?:applications|bash-completion|bug|debianutils|doc|doc-base|info|lintian|locale|man|menu|pixmaps)/.+"
    r"|usr/lib/(?:mime|valgrind)/.+"
)
"""What only tells of a program, or sets it up."""


def settled(paths: Iterable[str]) -> set[str]:
    """Return paths with no slash before them, each in the one form that can be compared."""
    return {_MOVED.sub("usr/", path.lstrip("/")) for path in paths}


def state_of(listed: Collection[str], there: Collection[str]) -> State:
    """Return how much of a package is there, both sides settled. One that has no programs is whole."""
    programs = [path for path in listed if _PROGRAM.fullmatch(path)]
    if not programs or any(path in there for path in programs):
        return "whole"
    left = any(path in there and not _ABOUT.fullmatch(path) for path in listed)
    return "without programs" if left else "gone"
