"""Where a test meets a fault: whatever goes wrong is FaultError, and is shown at the test's own line."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import TypeVar

from rumpf.errors import FaultError, RumpfError

T = TypeVar("T")


class Told(AbstractContextManager[None]):
    """Turns rumpf's errors into FaultError, without the frames of the library that they went through."""

    def __enter__(self) -> None:
        """Nothing begins."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise the error anew, from here."""
        __tracebackhide__ = True
        if isinstance(error, RumpfError):
            raise as_fault_error(error) from error.__cause__


class Block(AbstractContextManager[T]):
    """A fault for the length of a `with` block; what is raised in the block passes as it is."""

    def __init__(self, fault: AbstractContextManager[T]) -> None:
        self._fault = fault

    def __enter__(self) -> T:
        """Inject it."""
        __tracebackhide__ = True
        with Told():
            return self._fault.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Undo it."""
        __tracebackhide__ = True
        with Told():
            return self._fault.__exit__(kind, error, trace)


def as_fault_error(error: RumpfError) -> FaultError:
    """Return the error as one of the family that faults raise, with the same words and notes."""
    told = FaultError(error.what, remedy=error.remedy, where=error.where)
    for note in getattr(error, "__notes__", ()):
        told.add_note(note)
    return told
