"""The resource itself, to its own reconcile: as it is, what is remembered of it, how it is written."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rumpf.conditions import Status
from rumpf.runtime.settle import Json, wire
from rumpf.runtime.store import Key
from rumpf.runtime.writer import Writer


@dataclass
class Own:
    """Made for one look, as the scene is; what is remembered stays."""

    key: Key
    raw: Json
    remembered: dict[str, Any]
    writer: Writer
    wake: Callable[[], None]
    """Has it looked at again."""
    there: Callable[[], bool]
    """Whether it has not gone since the look began."""

    async def save(self, status: Status) -> None:
        """Write a status now, if it differs. Raises ApiError 409 if the resource is not as it was seen."""
        change = self.writer.change(self.raw, wire(status), self.raw["metadata"].get("generation", 0))
        if change:
            self.raw = await self.writer.exactly(self.key, self.raw, change)
