"""A person who may use sudo has a real node, and everything of it is theirs to use."""

import shutil
from collections.abc import Generator

import pytest

from tests.e2e.lifecycle.conftest import MakeMachine, need_real_nodes
from tests.e2e.lifecycle.machine import NOBODY, Machine

SUDOERS = """
Defaults use_pty
nobody ALL=(ALL) NOPASSWD: ALL
"""


@pytest.fixture(scope="module")
def machine(make_machine: MakeMachine) -> Generator[Machine]:
    """A machine on which nobody may become root, and has a cluster up."""
    need_real_nodes()
    if shutil.which("sudo") is None:
        pytest.skip("there is no sudo")
    with make_machine(without=("templates",), owner=NOBODY) as machine:
        sudoers = machine.folder / "sudoers"
        sudoers.write_text(SUDOERS)
        sudoers.chmod(0o440)
        machine.run("mount", "--bind", sudoers, "/etc/sudoers")
        yield machine


def test_the_node_is_real_and_the_cluster_is_the_persons_own(machine: Machine) -> None:
    before = machine.traces()
    machine.up("one", "--sample", env=machine.binaries(), user=NOBODY)
    assert machine.record("one")["nodes"] == "real"

    kubectl = (machine.record("one")["binaries"]["kubectl"], "--cache-dir", machine.folder / "cache/kubectl")
    access = {"KUBECONFIG": str(machine.clusters / "one/kubeconfig")}
    logs = machine.run(*kubectl, "exec", "deployment/hello", "--", "id", "-u", env=access, user=NOBODY)
    assert (logs.returncode, logs.stdout) == (0, "65532\n"), logs.stderr
    assert machine.rumpf("status", user=NOBODY).stdout.startswith("one: Kubernetes")
    assert machine.rumpf("logs", "--name", "one", "kubelet", user=NOBODY).returncode == 0
    inside = machine.rumpf("exec", "--name", "one", "hostname", user=NOBODY)
    assert (inside.returncode, inside.stdout) == (0, "rumpf\n"), inside.stderr

    down = machine.rumpf("down", "--name", "one", user=NOBODY)
    assert down.returncode == 0, down.stderr
    assert machine.left(before, patience=1) == {}


def test_what_root_left_for_the_person_is_removed_for_the_person(machine: Machine) -> None:
    before = machine.traces()
    machine.up("one", env=machine.binaries(), user=NOBODY)
    record = machine.record("one")
    machine.kill(record["guard"], record["supervisor"])
    assert machine.rumpf("status", user=NOBODY).stderr == "no cluster is up\n"
    assert machine.left(before) == {}
