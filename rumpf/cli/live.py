"""Shows the operators' resources as they change: a table on a terminal, a line a change everywhere else."""

import sys
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rumpf.console import Advance, Console
from rumpf.install.sight import Row

if TYPE_CHECKING:
    from rich.live import Live as RichLive
    from rich.table import Table

_MOST_ROWS = 25
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_EVERY = 0.25
"""Seconds between two looks at whether the table has changed."""


class Live:
    """A console whose last lines, once it is `showing`, are a table of rows."""

    def __init__(self, under: Console, *, on_terminal: bool | None = None) -> None:
        self._under = under
        self._on_terminal = sys.stderr.isatty() if on_terminal is None else on_terminal
        self._lock = threading.Lock()
        self._drawn: Any = None
        self.rows: Callable[[], list[Row]] = list

    def say(self, text: str) -> None:
        """Say something, above the table."""
        with self._lock:
            if self._drawn is not None:
                self._drawn.console.print(text, markup=False, highlight=False, soft_wrap=True)
            else:
                self._under.say(text)

    def bar(self, label: str, total: int | None, unit: str = "B") -> AbstractContextManager[Advance]:
        """Show progress, before there is a table."""
        return self._under.bar(label, total, unit)

    def changed(self, before: Row | None, now: Row | None) -> None:
        """Take note of a change: where no table shows it, say it."""
        if self._on_terminal:
            return
        if now is None:
            if before is not None:
                self.say(f"{before.kind} {before.place}: deleted")
        elif before is None or (before.ready, before.reason) != (now.ready, now.reason):
            self.say(f"{now.kind} {now.place}: {_state(now)} {now.reason} {now.message}".rstrip())

    @contextmanager
    def showing(self, rows: Callable[[], list[Row]], title: str) -> Generator[None]:
        """Show the table for the length of a block."""
        if not self._on_terminal:
            yield
            return
        from rich.console import Console as RichConsole
        from rich.live import Live as RichLive

        drawn = RichLive(
            table_of(rows(), title),
            console=RichConsole(stderr=True),
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        over = threading.Event()
        drawing = threading.Thread(
            target=_draw, args=(drawn, lambda: table_of(rows(), title), over), name="table", daemon=True
        )
        with drawn:
            self._drawn = drawn
            drawing.start()
            try:
                yield
            finally:
                over.set()
                drawing.join()
                with self._lock:
                    self._drawn = None


def _draw(drawn: "RichLive", table: "Callable[[], Table]", over: threading.Event) -> None:
    """Write the table anew whenever it looks different, and at the end; not while nothing changes."""
    before: object = None
    while True:
        last = over.wait(_EVERY)
        before = redrawn(drawn, table(), before)
        if last:
            return


def redrawn(drawn: "RichLive", table: "Table", before: object) -> object:
    """Write a table, unless it looks as before; return how it looks."""
    looks = (drawn.console.size, drawn.console.render_lines(table, pad=False))
    if looks != before:
        drawn.update(table, refresh=True)
    return looks


def table_of(rows: list[Row], title: str) -> "Table":
    """Return the table: what is not Ready comes first, for it is what one looks for."""
    from rich.table import Table
    from rich.text import Text

    ready = sum(row.is_ready for row in rows)
    heading = f"{title}: {ready} of {len(rows)} Ready"
    table = Table(title=heading, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in ("KIND", "NAME", "READY", "REASON", "MESSAGE", "AGE"):
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    for row in sorted(rows, key=lambda row: (row.is_ready, row.key))[:_MOST_ROWS]:
        style = {"True": "green", "False": "red"}.get(row.ready, "yellow")
        table.add_row(
            row.kind, row.place, Text(_state(row), style), row.reason, Text(row.message), age(row.created)
        )
    if len(rows) > _MOST_ROWS:
        table.add_row("", f"and {len(rows) - _MOST_ROWS} more", "", "", "", "")
    return table


def _state(row: Row) -> str:
    return {"True": "Ready", "False": "not Ready"}.get(row.ready, "not looked at yet")


def age(timestamp: str) -> str:
    """Return how long ago something was, as kubectl tells it."""
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds()
    except ValueError:
        return "-"
    if seconds < 2 * _MINUTE:
        return f"{max(seconds, 0):.0f}s"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f}m"
    return f"{seconds / _HOUR:.0f}h" if seconds < 2 * _DAY else f"{seconds / _DAY:.0f}d"
