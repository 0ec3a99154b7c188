"""One look at one resource, and what is remembered of it until the next."""

from dataclasses import dataclass, field
from typing import Any

from rumpf.resource import Resource
from rumpf.runtime.own import Own
from rumpf.runtime.pauses import Pauses
from rumpf.runtime.scene import Scene, StandIns
from rumpf.runtime.settle import Unsettled
from rumpf.runtime.store import Key

_SHORTEST, _LONGEST = 0.2, 300.0


@dataclass
class Memory:
    """What is remembered of one resource from look to look; losing it costs nothing but a little calm."""

    pauses: Pauses = field(default_factory=lambda: Pauses(_SHORTEST, _LONGEST))
    stand_ins: StandIns = field(default_factory=StandIns)
    unsettled: Unsettled | None = None
    """The status that is not written yet."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What the operator's own code remembers."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one resource: as it is, typed and raw, and what it may do."""

    key: Key
    resource: Resource
    own: Own
    scene: Scene
    memory: Memory

    @property
    def raw(self) -> dict[str, Any]:
        """The resource as it was last seen, or written in this look."""
        return self.own.raw
