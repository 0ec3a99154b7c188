"""What a container may take of its node."""

from typing import Annotated

from pydantic import Field

from rumpf.model import Model
from rumpf.schema.markers import ListMap
from rumpf.types.amounts import Quantity
from rumpf.types.names import LabelName


class ResourceClaim(Model):
    """A device that the Pod has claimed, for one of its containers."""

    name: LabelName
    """The claim, as the Pod calls it."""
    request: str | None = None
    """Which of the claim's requests; all if absent."""


class ResourceRequirements(Model):
    """How much of a node a container is promised, and how much it may take at most."""

    requests: Annotated[dict[str, Quantity], Field(max_length=64)] = Field(default_factory=dict)
    """What it is promised: cpu, memory."""
    limits: Annotated[dict[str, Quantity], Field(max_length=64)] = Field(default_factory=dict)
    """What it may take at most."""
    claims: Annotated[tuple[ResourceClaim, ...], ListMap("name"), Field(max_length=32)] = ()
    """Devices."""
