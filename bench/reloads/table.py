"""The rows, their goals, and the table that is printed."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loads.cells import line, number
from loads.rivals import OURS

from reloads.rivals import RELOADER, TEMPLATES

Measured = Mapping[str, Mapping[str, Sequence[float]]]
"""By restarter, by figure: one value a run."""


@dataclass(frozen=True)
class Row:
    """A figure, and what it should be: no more than that."""

    key: str
    title: str
    goal: float | None = None
    reloader: float | None = None
    """What Reloader 1.4 took when the goals were set, on a quiet machine of the same kind."""


ROWS = (
    Row("alone acted p50", "100 changes, one after another: something is done after, p50, ms"),
    Row("alone acted p99", "… p99, ms"),
    Row("alone reaction p50", "… the Pod leaves after, p50, ms", 10, 7),
    Row("alone reaction p99", "… p99, ms", 30, 17),
    Row("alone ready p50", "… the new Pod is Ready after, p50, ms", 60, 52),
    Row("alone ready p99", "… p99, ms", 130, 125),
    Row("alone lost", "… lost", 0, 0),
    Row("alone needless", "… needless restarts", 0),
    Row("S1 changes", "S1, 10 ConfigMaps, a change each 100 ms: changes"),
    Row("S1 restarts", "… restarts"),
    Row("S1 acted p50", "… something is done after, p50, ms"),
    Row("S1 acted p99", "… p99, ms"),
    Row("S1 reaction p50", "… the Pod leaves after, p50, ms", 68, 137),
    Row("S1 reaction p99", "… p99, ms", 250, 500),
    Row("S1 ready p50", "… a Pod that knows it is Ready after, p50, ms"),
    Row("S1 ready p99", "… p99, ms"),
    Row("S1 cpu", "… CPU, s", 2.8, 1.4),
    Row("S1 lost", "… lost", 0),
    Row("S1 doubtful", "… doubtful"),
    Row("S1 needless", "… needless restarts", 0),
    Row("S2 all reacted", "S2, one ConfigMap, 50 Deployments: all Pods have left after, s", 1.5, 8.4),
    Row("S2 all ready", "… all are Ready again after, s"),
    Row("S2 lost", "… lost", 0),
    Row("S2 needless", "… needless restarts", 0),
    Row("S4 restarts", "S4, metadata only: restarts", 0, 0),
    Row("S6 changes", "S6, killed for 5 s in the burst: changes"),
    Row("S6 lost", "… lost", 0, 23),
    Row("S6 doubtful", "… doubtful"),
    Row("S6 needless", "… needless restarts", 0),
    Row("S7 changes", "S7, 50 ConfigMaps, 100 changes a second: changes"),
    Row("S7 pace", "… changes a second that the API server took"),
    Row("S7 restarts", "… restarts", None, 2000),
    Row("S7 acted p50", "… something is done after, p50, s"),
    Row("S7 acted p99", "… p99, s"),
    Row("S7 reaction p50", "… the Pod leaves after, p50, s", 0.5, 3.0),
    Row("S7 reaction p99", "… p99, s", 2, 21.7),
    Row("S7 ready p50", "… a Pod that knows it is Ready after, p50, s"),
    Row("S7 ready p99", "… p99, s"),
    Row("S7 after", "… the last restart is over after the last change by, s", 5, 186),
    Row("S7 cpu", "… CPU, s"),
    Row("S7 lost", "… lost", 0),
    Row("S7 doubtful", "… doubtful"),
    Row("S7 needless", "… needless restarts", 0),
    Row("S8 acted p50", "S8, 10 ConfigMaps of 200 KiB: something is done after, p50, ms"),
    Row("S8 acted p99", "… p99, ms"),
    Row("S8 reaction p50", "… the Pod leaves after, p50, ms", 182, 364),
    Row("S8 reaction p99", "… p99, ms", 353, 706),
    Row("S8 rest", "… memory before, MiB"),
    Row("S8 highest", "… highest memory, MiB", None, 52),
    Row("S8 growth", "… more than before, MiB", 20),
    Row("S8 cpu", "… CPU, s"),
    Row("S8 lost", "… lost", 0),
    Row("S8 needless", "… needless restarts", 0),
    Row("R1 restarts", "R1, started again, nothing changed: restarts", 0, 0),
    Row("D1 lost", "D1, 5 changes while it is down: lost", 0, 5),
    Row("D1 restarts", "… restarts", 5),
    Row("D1 needless", "… needless restarts", 0),
    Row("H1 lost", "H1, 12 changes that hash alike: lost", 0, 12),
    Row("M1 memory", "M1, 20,000 Secrets, 2,000 ConfigMaps of 1 KiB: memory, MiB", 127, 127),
    Row("M1 highest", "… highest, MiB"),
    Row("M1 cpu", "… CPU to steady, s", 2.1, 2.1),
    Row("M1 steady", "… steady after, s"),
    Row("M1 idle cpu", "… CPU then, %"),
    Row("M1-20 memory", "… of 20 KiB: memory, MiB"),
    Row("M1-20 highest", "… highest, MiB"),
    Row("M1-20 cpu", "… CPU to steady, s"),
    Row("M1-20 growth", "… memory, of that at 1 KiB", 1.1),
)
_IN_SECONDS = tuple(f"S7 {what} {name}" for what in ("acted", "reaction", "ready") for name in ("p50", "p99"))


def table(measured: Measured, *, judged: bool) -> str:
    """Return the medians as Markdown; not judged where there was less to do than the goals are for."""
    medians = {who: _medians(figures) for who, figures in measured.items()}
    beside = next((who for who in (RELOADER, TEMPLATES) if who in medians), "")
    head = ("figure", "goal", *medians, "goal met", f"of {beside or 'others'}", "Reloader, as recorded")
    lines = [line(*head), line(*["---"] * len(head))]
    for row in ROWS:
        values = [figures.get(row.key) for figures in medians.values()]
        if all(value is None for value in values):
            continue
        ours, theirs = medians.get(OURS, {}).get(row.key), medians.get(beside, {}).get(row.key)
        verdict = ""
        if judged and ours is not None and row.goal is not None:
            verdict = "met" if ours <= row.goal or float(number(ours)) <= row.goal else "MISSED"
        shown = "" if row.goal is None else f"{'≤ ' if row.goal else ''}{row.goal:g}"
        ratio = f"{ours / theirs:.2f}" if ours is not None and theirs else ""
        recorded = "" if row.reloader is None else f"{row.reloader:g}"
        lines.append(line(row.title, shown, *map(number, values), verdict, ratio, recorded))
    return "\n".join(lines)


def _medians(figures: Mapping[str, Sequence[float]]) -> dict[str, float]:
    found = {key: statistics.median(values) for key, values in figures.items()}
    found |= {key: found[key] / 1000 for key in _IN_SECONDS if key in found}
    if {"M1 memory", "M1-20 memory"} <= found.keys():
        found["M1-20 growth"] = found["M1-20 memory"] / found["M1 memory"]
    return found
