"""Cells of a Markdown table, as precise as a busy machine is."""

import math

_DIGITS = 2


def line(*cells: str) -> str:
    """Return a line of the table."""
    return f"| {' | '.join(cells)} |"


def number(value: float | None) -> str:
    """Return a figure; nothing where there is none."""
    if value is None:
        return ""
    if math.isinf(value):
        return "never"
    magnitude = 0 if value == 0 else math.floor(math.log10(abs(value)))
    return f"{value:.{max(0, _DIGITS - 1 - magnitude) if magnitude >= -1 else _DIGITS}f}"
