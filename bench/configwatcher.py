"""How good the ConfigWatcher operator is, beside others that do the same: `nox -s bench -- configwatcher`.

Every restarter is a process outside of a cluster with fake nodes, alone in it, and meets the same load. They
take turns in every scenario; medians of the runs are printed, beside the goals.

    --duration 5                      seconds that a load lasts (20)
    --rows S1,S7                      only these scenarios
    --rivals "rumpf;rumpf, defaults"  only these, separated by semicolons
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loads.rivals import OURS
from message import in_short, load_now
from reloads.rivals import RELOADER, RESTARTERS, TEMPLATES, Restarter
from reloads.scenarios import SCENARIOS, Scenario, granted
from reloads.stage import Figures, Stage, stage
from reloads.table import table

_DURATION = 20.0
_DEFAULT = (OURS, RELOADER, TEMPLATES)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--duration", type=float, default=_DURATION)
    parser.add_argument("--rows", default=",".join(SCENARIOS), help=f"scenarios: {', '.join(SCENARIOS)}")
    parser.add_argument(
        "--rivals", default=";".join(_DEFAULT), help=f"separated by semicolons: {'; '.join(RESTARTERS)}"
    )
    parser.add_argument("--json", type=Path, help="write every figure of every run into this file")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # no operator outlives this
    names = [name.strip() for name in options.rows.split(",")]
    if unknown := set(names) - SCENARIOS.keys():
        parser.error(f"no such rows: {', '.join(unknown)} (there are: {', '.join(SCENARIOS)})")
    restarters = chosen(options.rivals)
    if not restarters:
        parser.error(f"none of these can be measured (there are: {'; '.join(RESTARTERS)})")
    measured: dict[str, dict[str, list[float]]] = {who.name: {} for who in restarters}
    print(f"{os.cpu_count()} cores, load {load_now()}, {time.strftime('%Y-%m-%d %H:%M')}")
    for run in range(options.runs):
        for name in names:
            turns = random.sample(restarters, len(restarters))
            for who, figures in asyncio.run(measure(SCENARIOS[name], turns, options.duration)):
                print(
                    f"  run {run + 1}, {name}, {who.name}: {in_short(figures)}, the machine {load_now()}",
                    flush=True,
                )
                for key, value in figures.items():
                    measured[who.name].setdefault(f"{name} {key}", []).append(value)
            if options.json:
                options.json.write_text(json.dumps(measured, indent=1))
    print(
        f"\n{table(measured, judged=options.duration >= _DURATION)}\n"
        f"\nmedians of {options.runs}, load {load_now()} at the end"
    )


def chosen(names: str) -> list[Restarter]:
    """Return those that were asked for and can be had; say why of the others."""
    found: list[Restarter] = []
    for name in filter(None, (each.strip() for each in names.split(";"))):
        if name not in RESTARTERS:
            print(f"{name}: there is none of that name", file=sys.stderr)
        elif why := RESTARTERS[name].rival.missing():
            print(f"{name}: not compared, {why}", file=sys.stderr)
        else:
            found.append(RESTARTERS[name])
    return found


async def measure(
    scenario: Scenario, restarters: Sequence[Restarter], duration: float
) -> list[tuple[Restarter, Figures]]:
    """Measure one scenario of each: in a cluster of its own, or in the same where that takes long to fill."""
    if scenario.secrets:
        restarters = [granted(who) for who in restarters]
    found: list[tuple[Restarter, Figures]] = []
    name = f"bench-watcher-{os.getpid()}"
    if scenario.fill:
        watching = next((who for who in restarters if who.watcher is not None), restarters[0])
        async with stage(watching, name, scenario.shape, duration) as its:
            await scenario.fill(its)
            found += [(who, await run(scenario, replace(its, who=who))) for who in restarters]
    else:
        for who in restarters:
            async with stage(who, name, scenario.shape, duration) as its:
                found.append((who, await run(scenario, its)))
    return found


async def run(scenario: Scenario, its: Stage) -> Figures:
    """Return the figures; nothing where it fails, which is told."""
    try:
        return await scenario.run(its)
    except TimeoutError as error:
        tail = (its.where.logs / "operator-0.log").read_text(errors="replace")[-2000:]
        print(f"  {its.who.name} does not work: {error}\n{tail}", file=sys.stderr)
        return {}


if __name__ == "__main__":
    main()
