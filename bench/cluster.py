"""How fast a cluster comes up and goes, and what it takes while idle: `nox -s bench -- cluster`.

Every run is a fresh process of the `rumpf` command, timed from its start. Beside it, in the same
run: a bare API server on an empty etcd and on ours (the floor), and `kwokctl create cluster
--runtime binary` where kwokctl is on PATH. Medians are to be quoted; machines are noisy.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rumpf.cluster import attach
from rumpf.cluster.assets import CONTROL_PLANE, Assets
from rumpf.cluster.blueprint import bare_control_plane
from rumpf.cluster.client import ApiClient
from rumpf.cluster.handle import Cluster
from rumpf.cluster.layout import Layout
from rumpf.cluster.ports import free_port
from rumpf.cluster.session import Session
from rumpf.cluster.setup import Setup
from rumpf.cluster.template import template_for
from rumpf.console import Silent
from rumpf.image.pause import SANDBOX_IMAGE
from rumpf.paths import cluster_dir

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "bench"
GOALS = {"control plane": 2.5, "node": 4.0, "first Pod": 6.0, "down": 1.5, "resident MiB": 700.0}
IDLE_SECONDS = 10
MEBIBYTE = 2**20
LIMIT = 120

Figures = dict[str, float]


def main() -> None:
    """Measure, print a table, and with --json the raw figures as well."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    binaries = {name: str(path) for name, path in Assets().ensure(CONTROL_PLANE).items()}
    template = template_for("1.36", binaries, Silent())
    rivals: dict[str, Callable[[], Figures]] = {
        "rumpf, real node": real_cluster,
        "rumpf, no node": lambda: bare_command("none"),
        "API server alone, on our etcd data": lambda: floor(binaries, template),
        "API server alone, on an empty etcd": lambda: floor(binaries, None),
    }
    if kwokctl := shutil.which("kwokctl"):
        rivals["kwokctl, no node"] = lambda: kwok(kwokctl, binaries)
    else:
        print("kwokctl is not on PATH: not compared", file=sys.stderr)
    real_cluster()  # not counted: fills the page cache
    measured: dict[str, list[Figures]] = {name: [] for name in rivals}
    for _ in range(options.runs):
        for name, measure in rivals.items():
            measured[name].append(measure())
    if options.json:
        print(json.dumps(measured, indent=1))
    report(measured, options.runs)


def report(measured: dict[str, list[Figures]], runs: int) -> None:
    """Print minimum, median and maximum of every figure, and the goal where there is one."""
    print(
        f"{runs} runs each, in turn; seconds from the command unless said otherwise; {os.cpu_count()} cores"
    )
    for name, all_figures in measured.items():
        for figure in all_figures[0]:
            values = [figures[figure] for figures in all_figures]
            middle = statistics.median(values)
            line = f"{name:36} {figure:14} {min(values):8.2f} {middle:8.2f} {max(values):8.2f}"
            if name == "rumpf, real node" and figure in GOALS:
                line += f"   goal {GOALS[figure]:g}: {'met' if middle <= GOALS[figure] else 'MISSED'}"
            print(line)
    if "kwokctl, no node" in measured:
        pairs = zip(measured["rumpf, no node"], measured["kwokctl, no node"], strict=True)
        ratios = [ours["control plane"] / theirs["control plane"] for ours, theirs in pairs]
        print(f"rumpf / kwokctl, pair by pair: {', '.join(f'{ratio:.2f}' for ratio in ratios)}")


def real_cluster() -> Figures:
    """Bring a real one up by the command, run a first Pod, idle, and take it down."""
    begun = time.monotonic()
    figures = up("real", begun)
    cluster = attach(NAME)
    try:
        kubectl(cluster, "run", "first", f"--image={SANDBOX_IMAGE}", "--image-pull-policy=Never")
        kubectl(cluster, "wait", "pod/first", "--for=jsonpath={.status.phase}=Running", "--timeout=60s")
        figures["first Pod"] = time.monotonic() - begun
        kubectl(cluster, "delete", "pod/first", "--now", "--wait")
        time.sleep(IDLE_SECONDS)
        figures |= memory(cluster)
    finally:
        figures["down"] = down()
    return figures


def bare_command(nodes: str) -> Figures:
    """Bring one up by the command and take it down."""
    figures = up(nodes, time.monotonic())
    figures["down"] = down()
    return figures


def up(nodes: str, begun: float) -> Figures:
    """Run `rumpf cluster up` and note when each of its lines came."""
    command = [sys.executable, "-m", "rumpf", "cluster", "up", "--name", NAME, "--nodes", nodes]
    figures: Figures = {}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            for what in ("control plane", "node"):
                if line.startswith(f"{what} ready"):
                    figures[what] = time.monotonic() - begun
    if process.returncode:
        sys.exit(f"rumpf cluster up failed with exit code {process.returncode}")
    return figures


def down() -> float:
    """Run `rumpf cluster down`, and time it."""
    begun = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "rumpf", "cluster", "down", "--name", NAME], check=True, capture_output=True
    )
    return time.monotonic() - begun


def floor(binaries: dict[str, str], template: Path | None) -> Figures:
    """Start etcd and an API server with nothing around them, until the API server says it is ready."""
    folder = cluster_dir(f"{NAME}-floor")
    layout = Layout.hosted(folder, free_port())
    plan = bare_control_plane(folder.name, layout, binaries)
    client = ApiClient(plan.admin)
    figures: Figures = {}
    with Session(Setup.hosted(folder, binaries, template, {"name": folder.name})) as session:
        begun = time.monotonic()
        session.carry_out(plan.plan)
        while (status := client.status("/readyz")) != 200:  # noqa: PLR2004 - OK
            if status:
                figures.setdefault("answers", time.monotonic() - begun)
            session.check(0.005)
        figures.setdefault("answers", time.monotonic() - begun)
        figures["control plane"] = time.monotonic() - begun
    client.close()
    return figures


def kwok(kwokctl: str, binaries: dict[str, str]) -> Figures:
    """Let kwokctl bring up a control plane from the same binaries."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home, "KWOK_WORKDIR": home, "KUBECONFIG": f"{home}/kubeconfig"}
        named = {
            "etcd": "etcd",
            "kube-apiserver": "kube-apiserver",
            "kube-controller-manager": "kube-controller-manager",
            "kube-scheduler": "kube-scheduler",
        }
        given = [f"--{flag}-binary={binaries[name]}" for flag, name in named.items()]
        given.append(f"--kwok-controller-binary={Assets().ensure({'kwok'})['kwok']}")
        begun = time.monotonic()
        create = [
            kwokctl,
            "create",
            "cluster",
            "--name",
            NAME,
            "--runtime",
            "binary",
            "--wait",
            "60s",
            *given,
        ]
        subprocess.run(create, env=environment, check=True, capture_output=True, timeout=LIMIT)
        figures = {"control plane": time.monotonic() - begun}
        begun = time.monotonic()
        delete = [kwokctl, "delete", "cluster", "--name", NAME]
        subprocess.run(delete, env=environment, check=True, capture_output=True, timeout=LIMIT)
        figures["down"] = time.monotonic() - begun
        return figures


def memory(cluster: Cluster) -> Figures:
    """Resident and proportional memory of every process of a cluster, its guard and supervisor included."""
    world = Path(f"/proc/{cluster.supervisor}/ns/pid").readlink()
    guard = int(json.loads((cluster.folder / "cluster.json").read_text())["guard"])
    resident = proportional = anonymous = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns/pid").readlink() != world and int(process.name) != guard:
                continue
            resident += kibibytes(process / "status", "VmRSS:")
            anonymous += kibibytes(process / "status", "RssAnon:")
            proportional += kibibytes(process / "smaps_rollup", "Pss:")
        except OSError:  # gone meanwhile, or not ours to look at
            continue
    return {
        "resident MiB": resident / 1024,
        "of it own MiB": anonymous / 1024,
        "shared out MiB": proportional / 1024,
    }


def kibibytes(file: Path, field: str) -> int:
    """One figure of a file in /proc."""
    return next(int(line.split()[1]) for line in file.read_text().splitlines() if line.startswith(field))


def kubectl(cluster: Cluster, *arguments: str) -> None:
    """Run kubectl on the cluster."""
    command = [cluster.binaries["kubectl"], f"--kubeconfig={cluster.kubeconfig}", *arguments]
    subprocess.run(command, check=True, capture_output=True, timeout=LIMIT)


if __name__ == "__main__":
    main()
