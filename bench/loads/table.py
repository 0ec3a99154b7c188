"""The rows, their goals, and the table that is printed."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loads.cells import line, number
from loads.rivals import OURS

Measured = Mapping[str, Mapping[str, Sequence[float]]]
"""By rival, by figure: one value a run."""
_GO = ("Go, 8 workers", "Go, 1 worker")


@dataclass(frozen=True)
class Row:
    """A figure, and what it should be."""

    key: str
    title: str
    goal: float | None = None
    more_is_better: bool = False
    times_go: float | None = None
    """The goal is so many times Go's figure in the same run; `goal` where there is none."""
    go: float | None = None
    """What Go with 8 workers took on the quiet machine that the goal was set on: on a busy one, or another,
    the goal is as far from Go's figure in the same run as it was there."""

    def goal_in(self, medians: Mapping[str, Mapping[str, float]]) -> float | None:
        """Return the goal, in the figures of this run."""
        there = [medians[go][self.key] for go in _GO if self.key in medians.get(go, {})]
        return self.times_go * there[0] if self.times_go and there else self.goal

    def beside_go(self, medians: Mapping[str, Mapping[str, float]], ours: float) -> str:
        """Return our figure as a multiple of Go's in the same run, and what it should be."""
        theirs = medians.get(_GO[0], {}).get(self.key)
        if not theirs or not self.go or not self.goal or not math.isfinite(ours / theirs):
            return ""
        ratio, wanted = ours / theirs, self.goal / self.go
        met = ratio >= wanted if self.more_is_better else ratio <= wanted
        sign = "≥" if self.more_is_better else "≤"
        return f"{ratio:.2f} ({sign} {wanted:.2f}: {'met' if met else 'MISSED'})"

    def met(self, value: float, goal: float) -> bool:
        """Whether a figure is good enough, as precisely as it is shown."""
        shown = float(number(value)) if math.isfinite(value) else value
        return shown >= goal if self.more_is_better else shown <= goal


ROWS = (
    Row("create 1000", "1,000 creates until Processed with their Pod, s", 10, go=12.4),
    Row("create 5000", "5,000 creates until Processed with their Pod, s", 40, go=48),
    Row(
        "backlog", "1,000 made while it was down: objects/s from its start", 250, more_is_better=True, go=191
    ),
    Row("backlog first", "… the first of them after, s"),
    Row("backlog then", "… objects/s from the first to the last"),
    Row("requests create", "requests per create", 3.0),
    Row("requests alone", "… one create at a time"),
    Row("requests patch", "requests per patch", 4.0),
    Row("cpu", "operator CPU per created object (1,000), ms", 2.0, go=1.9),
    Row("cpu 5000", "… (5,000), ms"),
    Row("server cpu", "API server CPU per created object (1,000), ms"),
    Row("memory highest", "resident memory at 5,000, highest, MiB", 161, times_go=1.2),
    Row("alone p50", "one create at a time, to Processed, p50, ms", 10, go=8.7),
    Row("alone p99", "… p99, ms", 26, go=26),
    Row("patch 500", "500 patches until each Pod has the new text, s", 8, go=8.0),
    Row("restart", "restart over 5,000: a fresh one Processed after, s", 1.5, go=0.7),
    Row("requests restart", "… requests about single objects", 0),
    Row("restart memory highest", "… highest memory, MiB"),
    Row("restart memory", "… memory after, MiB"),
    Row("failover", "leader killed: the standby's first Processed after, s", 12, go=18.2),
    Row("failover worst", "… worst, s"),
    Row("idle cpu", "idle over 5,000: CPU, %", 0.2),
    Row("idle memory", "… memory, MiB", 161, times_go=1.2),
    Row("wrong", "12 SIGKILLs in a burst: wrong texts", 0),
    Row("orphans", "… orphans", 0),
    Row("stuck", "… stuck", 0),
    Row("converged", "… all is well after the last, s"),
    Row("load", "the load generator's own CPU, % of one core"),
)


def table(measured: Measured, *, judged: bool) -> str:
    """Return the medians as Markdown; not judged where there was less to do than the goals are for."""
    medians = {
        rival: {key: statistics.median(values) for key, values in figures.items()}
        for rival, figures in measured.items()
    }
    lines = [
        line("figure", "goal", *medians, "goal met", "of Go's, 8 workers"),
        line(*["---"] * (len(medians) + 4)),
    ]
    for row in ROWS:
        values = [figures.get(row.key) for figures in medians.values()]
        if any(value is not None for value in values):
            goal, ours = row.goal_in(medians) if judged else None, medians.get(OURS, {}).get(row.key)
            verdict = "" if goal is None or ours is None else "met" if row.met(ours, goal) else "MISSED"
            sign = "≥ " if row.more_is_better else "≤ "
            shown = "" if goal is None else f"{sign if goal else ''}{number(goal)}"
            ratio = "" if ours is None or not judged else row.beside_go(medians, ours)
            lines.append(line(row.title, shown, *map(number, values), verdict, ratio))
    return "\n".join(lines)
