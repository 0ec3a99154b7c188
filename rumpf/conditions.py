"""Standard status conditions, and the status that every resource has."""

from typing import Annotated, Literal, Self

from pydantic import Field

from rumpf.model import Model
from rumpf.schema.markers import ListMap

ConditionStatus = Literal["True", "False", "Unknown"]


class Condition(Model):
    """One aspect of an object's state, as `kubectl wait --for=condition=` understands it."""

    type: Annotated[str, Field(max_length=316)]
    """What it is about: Ready, Progressing, Degraded."""
    status: ConditionStatus
    """Whether it is so."""
    reason: Annotated[str, Field(max_length=1024)]
    """Why, in one word, for programs."""
    message: Annotated[str, Field(max_length=32768)] = ""
    """Why, in a sentence, for people."""
    last_transition_time: Annotated[str | None, Field(json_schema_extra={"format": "date-time"})] = None
    """When the status last changed."""
    observed_generation: int | None = None
    """The generation of the object that it is about."""


class Status(Model):
    """What a resource's `status` has at least. rumpf fills both in; an author says what else there is."""

    observed_generation: int | None = None
    """The generation of the object that this status is about."""
    conditions: Annotated[tuple[Condition, ...], ListMap("type"), Field(max_length=32)] = ()
    """What is so, and why."""

    def saying(self, condition: str, status: ConditionStatus, reason: str, message: str = "") -> Self:
        """Return it with one condition set."""
        said = Condition(type=condition, status=status, reason=reason, message=message)
        # Each keeps its place: in another order they would be another status, and written again.
        placed = {each.type: each for each in (*self.conditions, said)}
        return self.model_copy(update={"conditions": tuple(placed.values())})

    def ready(self, reason: str, message: str = "") -> Self:
        """Return it with the condition that all is well."""
        return self.saying("Ready", "True", reason, message)

    def not_ready(self, reason: str, message: str = "") -> Self:
        """Return it with the condition that something is not well, or not yet."""
        return self.saying("Ready", "False", reason, message)
