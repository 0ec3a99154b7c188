"""What stands in a Lease, what a holder writes into it, and when another may take it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rumpf.errors import UsageError

Json = dict[str, Any]
_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_LONG_AGO = float("-inf")


def steady() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps where there is one."""
    return time.clock_gettime(_CLOCK)


@dataclass(frozen=True)
class Timing:
    """How long everything takes, in seconds. A dead leader is followed within `duration + look`."""

    duration: int = 8
    """A Lease that does not change for so long is free. Whole seconds: Kubernetes knows no others."""
    deadline: float = 5.0
    """A leader that could not renew it for so long stops."""
    renew: float = 2.0
    """A leader renews it so often."""
    look: float = 1.0
    """The others look at it so often."""

    def __post_init__(self) -> None:
        """Refuse what could make two leaders of one, or none."""
        if not 0 < self.renew < self.deadline < self.duration or self.look <= 0:
            raise UsageError(
                f"a Lease cannot be renewed every {self.renew:g} s, given up after {self.deadline:g} s, "
                f"last {self.duration} s and be looked at every {self.look:g} s",
                where="Timing",
                remedy="let renew be less than deadline, and deadline less than duration",
            )


@dataclass
class Seen:
    """The Lease as last seen, and since when it has been so by our own clock."""

    lasts: float
    """How long it lasts where it does not say so itself."""
    clock: Callable[[], float]
    record: Json | None = None
    """All of it; None if it is not there, or known to be different by now."""
    spec: Json = field(default_factory=dict[str, Any])
    free_at: float = _LONG_AGO
    """When it may be taken from whoever holds it."""

    @property
    def holder(self) -> str:
        """Who holds it; empty if nobody."""
        return str(self.spec.get("holderIdentity") or "")

    @property
    def free(self) -> bool:
        """Whether whoever holds it has let it run out, or never was seen."""
        return self.clock() >= self.free_at

    def see(self, record: Json) -> None:
        """Take note of what it is now. Only a change of it says that its holder is alive."""
        spec: Json = record.get("spec") or {}
        if self.spec != spec:
            self.spec = spec
            lasts = spec.get("leaseDurationSeconds") or self.lasts
            self.free_at = self.clock() + lasts if self.holder else _LONG_AGO
        self.record = record

    def forget(self) -> None:
        """Take note that it is not there, or not so. Whoever held it is still owed the rest of its time."""
        self.record = None


def claimed(spec: Json, identity: str, timing: Timing) -> Json:
    """Return what a holder writes to take it, or to renew it. The times in it are for people."""
    now = _timestamp()
    claim = {
        **spec,
        "holderIdentity": identity,
        "leaseDurationSeconds": timing.duration,
        "renewTime": now,
    }
    if spec.get("holderIdentity") != identity:
        claim["acquireTime"] = now
        claim["leaseTransitions"] = (spec.get("leaseTransitions") or 0) + 1 if spec else 0
    return claim


def cleared(spec: Json) -> Json:
    """Return what a holder writes to let it go."""
    kept = {key: value for key, value in spec.items() if key != "holderIdentity"}
    return {**kept, "renewTime": _timestamp()}


def _timestamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
