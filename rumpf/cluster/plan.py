"""What a cluster consists of, as plain data: files to write, components to run.

Pure: a `Plan` is made with no I/O and carried out elsewhere (`supervisor`), so that what runs
can be read, printed and tested without running it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Phase = Literal["serving", "ready"]
"""How far the API server is: it answers requests; its own bootstrap is finished as well."""


@dataclass(frozen=True)
class File:
    """A file of the cluster's folder, relative to it."""

    path: str
    text: str
    mode: int = 0o600


@dataclass(frozen=True)
class Component:
    """One process that runs for as long as the cluster does; it is started again when it dies."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    after: Phase | None = None
    """Starts once the API server is so far. Earlier it would only take the processor from it."""


@dataclass(frozen=True)
class Plan:
    """Everything that `supervisor` needs to know."""

    files: tuple[File, ...]
    components: tuple[Component, ...]
    prepare: tuple[tuple[str, ...], ...] = ()
    """Commands that run once, after `containerd` answers and before anything depends on them."""

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON, to be sent to the process that carries it out."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Plan":
        """Read back what `to_json` made."""
        return cls(
            files=tuple(File(**entry) for entry in data["files"]),
            components=tuple(
                Component(**{**entry, "argv": tuple(entry["argv"])}) for entry in data["components"]
            ),
            prepare=tuple(tuple(argv) for argv in data["prepare"]),
        )
