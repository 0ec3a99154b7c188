"""What an operator counts and measures of its own work, as its author declares it."""

import math
import re
from collections import Counter as Count
from collections.abc import Iterable
from dataclasses import dataclass

from rumpf.errors import DeclarationError

SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""From what feels immediate to what one waits for: buckets for how long something took."""

_NAME = re.compile(r"[a-z]([a-z0-9_]*[a-z0-9])?")
_OF_OTHERS = ("rumpf_", "process_", "python_")
_ENDS = ("_total", "_bucket", "_count", "_sum", "_created", "_info")
"""What Prometheus' own formats append to names."""
_KEYWORDS = {"metric", "by", "value"}
"""What `World.count` and `World.observe` call their own parameters."""


@dataclass(frozen=True)
class Counter:
    """How often something happened. It only grows, and begins at 0 with each process."""

    name: str
    """As Prometheus shows it: the operator's name first, `_total` last."""
    text: str
    """What is counted, in a sentence."""
    labels: tuple[str, ...] = ()
    """What it is told apart by. Each combination of values is kept for good: no names of objects."""

    def __post_init__(self) -> None:
        """Refuse what Prometheus would not take, or not as it is written."""
        where = f"Counter({self.name!r})"
        if not self.name.endswith("_total"):
            raise DeclarationError(
                "a counter's name ends with _total", where=where, remedy=f"write {self.name}_total"
            )
        _check(self.family, self.text, self.labels, where)

    @property
    def family(self) -> str:
        """Its name without its end."""
        return self.name.removesuffix("_total")


@dataclass(frozen=True)
class Histogram:
    """How much something was, each time: how long it took, how large it was."""

    name: str
    """As Prometheus shows it, before `_bucket`, `_sum` and `_count`: the operator's first, a unit last."""
    text: str
    """What is measured, in a sentence."""
    buckets: tuple[float, ...] = SECONDS
    """Upper bounds, rising. What is more than the last is counted too."""
    labels: tuple[str, ...] = ()
    """What it is told apart by. Each combination of values is kept for good: no names of objects."""

    def __post_init__(self) -> None:
        """Refuse what Prometheus would not take, or not as it is written."""
        where = f"Histogram({self.name!r})"
        _check(self.name, self.text, self.labels, where)
        rising = all(low < high for low, high in zip(self.buckets, self.buckets[1:], strict=False))
        if not self.buckets or not rising or not all(map(math.isfinite, self.buckets)):
            raise DeclarationError(
                "its buckets do not rise", where=where, remedy="name some bounds, each above the one before"
            )

    @property
    def family(self) -> str:
        """Its name."""
        return self.name


def check_metrics(metrics: Iterable[Counter | Histogram], where: str) -> None:
    """Refuse two of one name."""
    twice = [name for name, count in Count(each.family for each in metrics).items() if count > 1]
    if twice:
        raise DeclarationError(
            f"two metrics are called {twice[0]}", where=where, remedy="name one of them otherwise"
        )


def _check(name: str, text: str, labels: tuple[str, ...], where: str) -> None:
    if not _NAME.fullmatch(name) or name.startswith(_OF_OTHERS) or name.endswith(_ENDS):
        raise DeclarationError(
            f"{name!r} cannot be its name",
            where=where,
            remedy="use lower-case letters, digits and underscores, the operator's name first; none of "
            + ", ".join((*_OF_OTHERS, *_ENDS)),
        )
    if not text.strip():
        raise DeclarationError("nobody could tell what it is", where=where, remedy="say what it shows")
    for label in labels:
        if not _NAME.fullmatch(label) or label == "le" or label in _KEYWORDS or labels.count(label) > 1:
            raise DeclarationError(
                f"{label!r} cannot be its label, or not twice",
                where=where,
                remedy="use lower-case letters, digits and underscores, and none of "
                + ", ".join(sorted({"le", *_KEYWORDS})),
            )
