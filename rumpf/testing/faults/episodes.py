"""What was done to a cluster in one test, when, and that it was undone: also when the test fails."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rumpf.errors import FaultError, RumpfError

Undo = Callable[[], None]


@dataclass
class Episode:
    """A fault that was injected; `ended` is None while it lasts."""

    what: str
    began: float = field(default_factory=time.time)
    ended: float | None = None
    failed_during: str | None = None
    """The name of the exception that left its block."""
    undo: Undo | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """Tell it as a line of a report."""
        until = "still active" if self.ended is None else f"{_clock(self.ended)}"
        failure = f"  <- {self.failed_during} while it was active" if self.failed_during else ""
        when = _clock(self.began) if self.ended == self.began else f"{_clock(self.began)} - {until}"
        return f"{when}  {self.what}{failure}"


class Episodes:
    """All episodes of one test, and the safety net under them."""

    def __init__(self) -> None:
        self.all: list[Episode] = []

    def note(self, what: str) -> None:
        """Note what happened once and needs no undoing."""
        now = time.time()
        self.all.append(Episode(what, began=now, ended=now))

    @contextmanager
    def lasting(self, what: str, undo: Undo) -> Generator[None]:
        """Undo a fault at the end of a block, however it ends.

        When the undoing fails too, a failure of the block stays the one that is raised, with a note;
        otherwise FaultError is raised.
        """
        episode = Episode(what, undo=undo)
        self.all.append(episode)
        try:
            yield
        except BaseException as failure:
            episode.failed_during = type(failure).__name__
            try:
                self._end(episode)
            except FaultError as trouble:
                failure.add_note(str(trouble))
            raise
        else:
            self._end(episode)

    def close(self) -> None:
        """Undo what still lasts because its block was never left, the latest first."""
        troubles: list[FaultError] = []
        for episode in reversed(self.all):
            try:
                self._end(episode)
            except FaultError as trouble:
                troubles.append(trouble)
        if troubles:
            for other in troubles[1:]:
                troubles[0].add_note(str(other))
            raise troubles[0]

    def _end(self, episode: Episode) -> None:
        if episode.ended is not None:
            return
        undo, episode.undo = episode.undo, None
        try:
            if undo is not None:
                undo()
        except RumpfError as error:
            raise _not_undone(episode, error) from None  # its words say it all
        except Exception as error:
            raise _not_undone(episode, error) from error
        finally:
            episode.ended = time.time()


def _not_undone(episode: Episode, error: Exception) -> FaultError:
    return FaultError(
        f"it could not be undone: {error}",
        remedy="do not trust what later tests say; if the cluster was kept, end it",
        where=episode.what,
    )


def _clock(moment: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment))
