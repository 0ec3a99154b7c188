"""Notes and Shelves: all that a runtime does, in one operator without Pods."""

from rumpf.runtime import host

from .operator import operator

__all__ = ["operator"]

host(operator)
