"""Log files that a failed test shows: an operator's own, or of whatever else runs beside the tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

LINES_SHOWN = 50

Source = Path | Callable[[], str]
"""A log file, or a function that returns a log's text."""


class Logs:
    """What is shown when the test fails; of each its last lines."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}

    def add(self, title: str, source: Source) -> None:
        """Show this one too. A second one of the same title takes the place of the first."""
        self._sources[title] = source

    def tails(self) -> Iterator[tuple[str, str]]:
        """Give each title and the end of its log as it is now; where it cannot be read, why."""
        for title, source in self._sources.items():
            try:
                text = source.read_text(errors="replace") if isinstance(source, Path) else source()
            except Exception as error:  # noqa: BLE001 - whatever it is, the test's own failure matters more
                text = f"(cannot be read: {error})"
            yield title, tail(text)


def tail(text: str, lines: int = LINES_SHOWN) -> str:
    """Return the last lines of a text, and how many came before them."""
    found = text.splitlines()
    if len(found) <= lines:
        return "\n".join(found)
    return "\n".join((f"... {len(found) - lines} lines before", *found[-lines:]))
