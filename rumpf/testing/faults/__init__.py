"""Faults, real ones: processes killed and frozen, networks cut and slowed, volumes filled, and all undone."""

from rumpf.testing.faults.episodes import Episode
from rumpf.testing.faults.faults import Faults

__all__ = ["Episode", "Faults"]
