"""Objects selected by their labels."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from rumpf.model import Model


class LabelRequirement(Model):
    """What one label must be like."""

    key: Annotated[str, Field(min_length=1, max_length=316)]
    """The label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How its value and `values` belong together."""
    values: Annotated[tuple[str, ...], Field(max_length=256)] = ()
    """Values for In and NotIn; empty for the others."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels are like that."""
        there = self.key in labels
        if self.operator == "Exists":
            return there
        if self.operator == "DoesNotExist":
            return not there
        return (there and labels[self.key] in self.values) == (self.operator == "In")


class LabelSelector(Model):
    """Objects by their labels: all that is said must hold; one that says nothing selects everything."""

    __atomic__ = True

    match_labels: dict[str, str] = Field(default_factory=dict)
    """Labels and the values that they must have."""
    match_expressions: tuple[LabelRequirement, ...] = ()
    """What labels must be like."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether it selects an object with these labels."""
        wanted = self.match_labels.items()
        return all(labels.get(key) == value for key, value in wanted) and all(
            each.matches(labels) for each in self.match_expressions
        )

    def text(self) -> str:
        """Return it as a list or watch takes it: `app=web,tier in (a,b),!old`."""
        return ",".join(
            [*(f"{key}={value}" for key, value in sorted(self.match_labels.items())), *self._more()]
        )

    def _more(self) -> Iterable[str]:
        for each in self.match_expressions:
            values = ",".join(each.values)
            match each.operator:
                case "In":
                    yield f"{each.key} in ({values})"
                case "NotIn":
                    yield f"{each.key} notin ({values})"
                case "Exists":
                    yield each.key
                case "DoesNotExist":
                    yield f"!{each.key}"
