"""What a cluster leaves behind: nothing, however it ends."""

import itertools
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.lifecycle.conftest import MakeMachine, need_real_nodes
from tests.e2e.lifecycle.machine import RUMPF, Machine, Running

KEEPER = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: kept}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 16Mi}}
---
apiVersion: v1
kind: Pod
metadata: {name: keeper}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: keeper
    image: rumpf.local/busybox:1
    imagePullPolicy: Never
    command: [sh, -c, "while true; do echo x >> /kept/x; sleep 0.01; done"]
    volumeMounts: [{name: kept, mountPath: /kept}]
  volumes: [{name: kept, persistentVolumeClaim: {claimName: kept}}]
"""

OWNER = textwrap.dedent("""
    import sys
    from pathlib import Path
    from rumpf.cluster import ClusterSpec, up
    from rumpf.cluster.sample import deploy_sample
    from rumpf.console import Silent

    cluster = up(ClusterSpec(name="one", nodes=sys.argv[1]))
    if cluster.nodes == "real":
        deploy_sample(cluster, Silent())
    print("up", flush=True)
    sys.stdin.read()
""")

STEPS = ("one.lock", "one/cluster.json", "one/logs/etcd.log", "one/logs/kube-scheduler.log")
"""What a cluster that comes up has in its folder, one after the other."""

ROWS, CYCLES = 2, 10
"""So many at the same time, and so many one after the other."""
ALL_REAL = "RUMPF_TEST_ALL_CYCLES_REAL"
"""Set it, and the test of many ups and downs has a real node each time."""


def test_down_leaves_nothing(machine: Machine, nodes: str) -> None:
    before = machine.traces()
    machine.up("one", "--nodes", nodes, "--sample")
    occupy(machine)
    during = machine.traces().since(before)
    assert {"processes", "files"} <= during.keys()
    assert nodes == "fake" or {"interfaces", "networks", "cgroups"} <= during.keys()
    machine.down("one")
    assert machine.left(before, patience=1) == {}


def test_a_program_that_is_killed_takes_its_cluster_along(machine: Machine, nodes: str) -> None:
    before = machine.traces()
    owner = machine.start(sys.executable, "-c", OWNER, nodes, given=subprocess.PIPE)
    assert owner.entered.stdout is not None
    assert owner.entered.stdout.readline() == "up\n"
    if nodes == "real":
        occupy(machine)
    owner.send(signal.SIGKILL)
    owner.end()
    assert machine.left(before) == {}


def test_a_program_that_ends_takes_its_cluster_along(machine: Machine) -> None:
    before = machine.traces()
    owner = machine.start(sys.executable, "-c", OWNER, "none")
    assert owner.end() == (0, "up\n", "")
    assert machine.left(before) == {}


@pytest.mark.parametrize("step", STEPS)
def test_a_command_that_is_killed_half_way_takes_everything_along(
    machine: Machine, nodes: str, step: str
) -> None:
    before = machine.traces()
    command = machine.start(RUMPF, "cluster", "up", "--name", "one", "--nodes", nodes)
    wait_until((machine.clusters / step).exists, command)
    command.send(signal.SIGKILL)
    command.end()
    assert machine.left(before) == {}


def test_a_command_that_is_killed_while_it_prepares_the_first_cluster_takes_that_along(
    make_machine: MakeMachine,
) -> None:
    with make_machine(without=("templates",)) as machine:
        before = machine.traces()
        command = machine.start(RUMPF, "cluster", "up", "--name", "one", "--nodes", "none")
        wait_until(lambda: any(machine.clusters.glob("template-*/logs/kube-apiserver.log")), command)
        command.send(signal.SIGKILL)
        command.end()
        assert machine.left(before) == {}


@pytest.mark.parametrize("victim", ["guard", "supervisor"])
def test_when_one_of_its_two_watchers_is_killed_the_other_cleans_up(
    machine: Machine, nodes: str, victim: str
) -> None:
    before = machine.traces()
    machine.up("one", "--nodes", nodes)
    machine.kill(machine.record("one")[victim])
    assert machine.left(before) == {}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["status"], 0, "no cluster is up"),
        (["down", "--name", "one"], 4, "no such cluster is up (remains of a dead one were removed)"),
        (["down", "--all"], 0, "no cluster is up"),
    ],
    ids=["status", "down", "down --all"],
)
def test_when_both_its_watchers_are_killed_the_next_command_cleans_up(
    machine: Machine, arguments: list[str], code: int, said: str
) -> None:
    nodes = "real" if arguments == ["status"] else "none"
    if nodes == "real":
        need_real_nodes()
    before = machine.traces()
    machine.up("one", "--nodes", nodes, *(["--sample"] if nodes == "real" else []))
    if nodes == "real":
        occupy(machine)
    kill_watchers(machine)
    assert machine.left(before, patience=1).keys() <= {"files", "cgroups"}
    done = machine.rumpf(*arguments)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert machine.left(before, patience=1) == {}


def test_a_dead_cluster_of_the_same_name_is_removed_and_that_is_said(machine: Machine) -> None:
    before = machine.traces()
    machine.up("one", "--nodes", "none")
    kill_watchers(machine)
    done = machine.rumpf("up", "--name", "one", "--nodes", "none")
    assert done.returncode == 0, done.stderr
    assert "removed what a dead cluster named one had left" in done.stderr
    machine.down("one")
    assert machine.left(before, patience=1) == {}


@pytest.mark.usefixtures("real_nodes")
def test_many_ups_and_downs_in_a_row_leak_nothing(machine: Machine) -> None:
    kinds = ["real"] if ALL_REAL in os.environ else ["none", "none", "none", "real", "none", "none", "fake"]

    def up_and_down(name: str) -> None:
        for nodes in itertools.islice(itertools.cycle(kinds), CYCLES):
            machine.up(name, "--nodes", nodes)
            machine.down(name)

    before = machine.traces()
    with ThreadPoolExecutor(ROWS) as rows:
        list(rows.map(up_and_down, (f"row-{number}" for number in range(ROWS))))
    assert machine.left(before, patience=1) == {}


def occupy(machine: Machine) -> None:
    """Add a Pod that writes to a volume without end."""
    machine.kubectl("one", "apply", "-f", "-", given=KEEPER)
    machine.kubectl("one", "wait", "pod/keeper", "--for=condition=Ready", "--timeout=60s")


def kill_watchers(machine: Machine) -> None:
    """Kill guard and supervisor so that neither sees the other die."""
    record = machine.record("one")
    watchers = [str(record["guard"]), str(record["supervisor"])]
    machine.run("kill", "-STOP", *watchers)
    machine.run("kill", "-KILL", *watchers)


def wait_until(true: Callable[[], bool], running: Running, patience: float = 60.0) -> None:
    """Look often, for as long as a program runs."""
    deadline = time.monotonic() + patience
    while not true():
        assert running.entered.poll() is None, running.end()
        assert time.monotonic() < deadline
        time.sleep(0.005)
