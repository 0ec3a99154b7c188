"""How long-running work tells a person what it does: one line a step, a bar where there is a length.

Code that works takes a `Console` and never prints. Everything goes to stderr, so that
stdout carries results alone.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO

Advance = Callable[[int], None]
"""Says that so many more units are done."""

_A_LINE_EVERY = 5.0


class Console(Protocol):
    """What working code may say."""

    def say(self, text: str) -> None:
        """Say one finished fact or the step that starts now."""
        ...

    def bar(self, label: str, total: int | None, unit: str = "B") -> AbstractContextManager[Advance]:
        """Show progress of `label`; `total` is None where the length is not known."""
        ...


class Silent:
    """Says nothing: for tests, and for callers that only want the result."""

    def say(self, text: str) -> None:
        """Say nothing."""

    @contextmanager
    def bar(self, label: str, total: int | None, unit: str = "B") -> Iterator[Advance]:
        """Show nothing."""
        yield lambda _: None


class Lines:
    """Plain lines, for logs and CI: a bar is a line at its start and one every few seconds."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr

    def say(self, text: str) -> None:
        """Print the line at once."""
        print(text, file=self._stream, flush=True)

    @contextmanager
    def bar(self, label: str, total: int | None, unit: str = "B") -> Iterator[Advance]:
        """Print a line every few seconds while it advances."""
        self.say(label)
        done, told = 0, time.monotonic()

        def advance(amount: int) -> None:
            nonlocal done, told
            done += amount
            if time.monotonic() - told >= _A_LINE_EVERY:
                told = time.monotonic()
                share = f"{100 * done // total} %" if total else amount_of(done, unit)
                self.say(f"{label}: {share}")

        yield advance


class Terminal(Lines):
    """A terminal: the same lines, and live bars drawn by rich."""

    @contextmanager
    def bar(self, label: str, total: int | None, unit: str = "B") -> Iterator[Advance]:
        """Draw a bar that goes away when it is done."""
        # Imported here: rich costs 60 ms, and most runs draw nothing.
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

        count = DownloadColumn() if unit == "B" else TextColumn(f"{{task.completed}} {unit}")
        columns = (TextColumn("{task.description}"), BarColumn(), count, TimeElapsedColumn())
        with Progress(*columns, console=RichConsole(file=self._stream), transient=True) as progress:
            task = progress.add_task(label, total=total)
            yield lambda amount: progress.advance(task, amount)


def amount_of(count: int, unit: str) -> str:
    """`count` as a person reads it: bytes in MiB, everything else as it is."""
    return f"{count / 2**20:.1f} MiB" if unit == "B" else f"{count} {unit}"


def counted(count: int, noun: str) -> str:
    """`count` things, in the plural that a regular noun has."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def for_stream(stream: TextIO | None = None) -> Console:
    """Pick the console that suits `stream` (stderr by default)."""
    stream = stream if stream is not None else sys.stderr
    return Terminal(stream) if stream.isatty() else Lines(stream)
