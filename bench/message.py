"""How good the Message operator is, beside others that do the same: `nox -s bench -- message`.

Every operator is a process outside of a cluster with fake nodes, alone in it, with the same identity and
the same load. They take turns in every phase; medians of the runs are printed, beside the goals.

    --quick                          a tenth of everything: does it work at all?
    --rows burst,many                only these phases
    --rivals "rumpf;Go, 8 workers"   only these, separated by semicolons
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from loads.phases import PHASES, Figures, scene
from loads.rivals import RIVALS, Rival
from loads.table import table

_QUICK = 0.1
_DEFAULT = ("rumpf", "tutorial kopf", "Go, 1 worker", "Go, 8 workers")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", default=",".join(PHASES), help=f"phases: {', '.join(PHASES)}")
    parser.add_argument(
        "--rivals", default=";".join(_DEFAULT), help=f"separated by semicolons: {'; '.join(RIVALS)}"
    )
    parser.add_argument("--json", type=Path, help="write every figure of every run into this file")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # no operator outlives this
    phases = [name.strip() for name in options.rows.split(",")]
    if unknown := set(phases) - PHASES.keys():
        parser.error(f"no such rows: {', '.join(unknown)} (there are: {', '.join(PHASES)})")
    rivals = chosen(options.rivals)
    if not rivals:
        parser.error(f"none of these rivals can be measured (there are: {'; '.join(RIVALS)})")
    measured: dict[str, dict[str, list[float]]] = {rival.name: {} for rival in rivals}
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    print(f"{cores} cores, load {load:.1f}, {time.strftime('%Y-%m-%d %H:%M')}")
    if load > cores / 2:
        print("others are at work here: compare the rivals, and believe no seconds")
    for run in range(options.runs):
        for phase in phases:
            for rival in random.sample(rivals, len(rivals)):
                figures = measure(phase, rival, _QUICK if options.quick else 1.0)
                print(
                    f"  run {run + 1}, {phase}, {rival.name}: {in_short(figures)}, the machine {load_now()}",
                    flush=True,
                )
                for key, value in figures.items():
                    measured[rival.name].setdefault(key, []).append(value)
                if options.json:
                    options.json.write_text(json.dumps(measured, indent=1))
    print(
        f"\n{table(measured, judged=not options.quick)}\n"
        f"\nmedians of {options.runs}, load {load_now()} at the end"
    )


def chosen(names: str) -> list[Rival]:
    """Return the rivals that were asked for and can be had; say why of the others."""
    wanted = [name.strip() for name in names.split(";") if name.strip()]
    found: list[Rival] = []
    for rival in RIVALS.values():
        if rival.name in wanted:
            if why := rival.missing():
                print(f"{rival.name}: not compared, {why}", file=sys.stderr)
            else:
                found.append(rival)
    return found


def measure(phase: str, rival: Rival, scale: float) -> Figures:
    """Measure one phase of one rival; nothing where it fails, which is told."""

    async def run() -> Figures:
        async with scene(phase, rival, f"bench-message-{os.getpid()}", scale) as its:
            try:
                return await PHASES[phase](its)
            except TimeoutError:
                tail = (its.where.logs / "operator-0.log").read_text(errors="replace")[-2000:]
                print(f"  {phase}, {rival.name}: it does not work\n{tail}", file=sys.stderr)
                return {}

    return asyncio.run(run())


def load_now() -> str:
    """Return how many processes want a processor."""
    return f"{os.getloadavg()[0]:.1f}"


def in_short(figures: Figures) -> str:
    """Return figures on one line."""
    return ", ".join(f"{key} {value:.4g}" for key, value in figures.items()) or "nothing"


if __name__ == "__main__":
    main()
