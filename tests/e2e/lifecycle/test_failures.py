"""What goes wrong says what it is and what to do about it, and leaves nothing."""

import json
import signal
import sys
import textwrap
import time

import pytest

from tests.e2e.lifecycle.conftest import MakeMachine
from tests.e2e.lifecycle.machine import NOBODY, RUMPF, Machine

TAKEN_PORT = textwrap.dedent("""
    import socket
    from rumpf.cluster import ClusterSpec, launch
    from rumpf.console import Lines

    somebody = socket.create_server(("127.0.0.1", 0))
    ports = iter([somebody.getsockname()[1]])
    free_port = launch.free_port
    launch.free_port = lambda: next(ports, None) or free_port()
    cluster = launch.up(ClusterSpec(name="one", nodes="none"), console=Lines())
    print(cluster.url)
""")

TAKEN_WIRE = textwrap.dedent("""
    from rumpf.cluster import ClusterSpec, launch
    from rumpf.console import Lines

    wires = iter([7, 8])
    launch._free_link = lambda: next(wires)
    cluster = launch.up(ClusterSpec(name="one", nodes="real"), console=Lines())
    print(cluster.link)
""")

BROKEN_SCHEDULER = """#!/bin/sh
if [ "$1" = --version ]; then echo Kubernetes v{version}; exit; fi
for number in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo "line $number"; done
echo "it is broken on purpose" >&2
exit 3
"""


def test_a_port_that_somebody_took_meanwhile_is_given_up_for_another(machine: Machine) -> None:
    before = machine.traces()
    done = machine.run(sys.executable, "-c", TAKEN_PORT)
    assert done.returncode == 0, done.stderr
    assert "the network or port chosen was taken meanwhile; choosing another" in done.stderr
    assert machine.left(before) == {}


@pytest.mark.usefixtures("real_nodes")
def test_a_wire_that_somebody_took_meanwhile_is_left_to_them(machine: Machine) -> None:
    machine.run("ip", "link", "add", "rumpf7", "type", "veth", "peer", "name", "theirs")
    before = machine.traces()
    done = machine.run(sys.executable, "-c", TAKEN_WIRE)
    assert (done.returncode, done.stdout) == (0, "8\n"), done.stderr
    assert "the network or port chosen was taken meanwhile; choosing another" in done.stderr
    assert machine.left(before) == {}
    assert before.since(machine.traces()) == {}


@pytest.mark.parametrize("fits", ["nothing", "what it starts from"])
def test_a_full_disk_is_named(machine: Machine, template_size: int, fits: str) -> None:
    size = 16 if fits == "nothing" else template_size + 40
    machine.run("mkdir", "-m", "700", machine.clusters)
    machine.run("mount", "-t", "tmpfs", "-o", f"size={size}k,mode=700", "tmpfs", machine.clusters)
    before = machine.traces()
    done = machine.rumpf("up", "--name", "one", "--nodes", "none")
    assert done.returncode == 4
    assert done.stderr == (
        f"error: one: {machine.clusters}/one: No space left on device\n"
        "  -> free some room there; RUMPF_CACHE names another place for all that rumpf writes\n"
    )
    assert machine.left(before) == {}


def test_a_cache_that_cannot_be_written_is_named(machine: Machine) -> None:
    done = machine.rumpf("up", "--nodes", "none", env={"RUMPF_CACHE": "/proc/rumpf"})
    assert done.returncode in (3, 4)
    assert "/proc/rumpf" in done.stderr
    assert "\n  -> " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_component_that_dies_shows_its_last_words(machine: Machine) -> None:
    rows = json.loads(machine.rumpf("assets", "--output", "json").stdout)
    (version,) = (row["version"] for row in rows if row["name"] == "kube-scheduler")
    folder = machine.folder / "mine"
    folder.mkdir()
    broken = folder / "kube-scheduler"
    broken.write_text(BROKEN_SCHEDULER.format(version=version))
    broken.chmod(0o755)
    before = machine.traces()
    done = machine.rumpf("up", "--name", "one", "--nodes", "fake", env={"RUMPF_BIN": str(folder)})
    assert done.returncode == 4
    error = done.stderr[done.stderr.index("error:") :].splitlines()
    assert error[0] == "error: one: kube-scheduler does not start: ended with exit code 3"
    assert error[-3:] == [
        "line 15",
        "it is broken on purpose",
        "  -> the last lines of its log are above; rumpf cluster assets shows which binary runs",
    ]
    assert len(error) < 16
    assert machine.left(before) == {}


@pytest.mark.parametrize("words", ["preparing", "API server ready"])
def test_ctrl_c_ends_it_and_leaves_nothing(make_machine: MakeMachine, words: str) -> None:
    with make_machine(without=("templates",)) as machine:
        before = machine.traces()
        command = machine.start(RUMPF, "cluster", "up", "--name", "one", "--nodes", "none")
        command.says(words)
        command.send(signal.SIGINT)
        code, _, said = command.end()
        assert (code, said) == (
            130,
            "error: one: interrupted; what had started was taken down\n  -> run it again\n",
        )
        assert machine.left(before, patience=0) == {}


@pytest.mark.usefixtures("real_nodes")
def test_ctrl_c_while_the_sample_starts_ends_the_cluster_too(machine: Machine) -> None:
    before = machine.traces()
    command = machine.start(RUMPF, "cluster", "up", "--name", "one", "--nodes", "real", "--sample")
    command.says("node ready")
    command.send(signal.SIGINT)
    code, _, said = command.end()
    assert (code, "interrupted" in said) == (130, True), said
    assert machine.left(before, patience=1) == {}


def test_a_command_that_is_told_to_end_leaves_nothing(machine: Machine, nodes: str) -> None:
    before = machine.traces()
    command = machine.start(RUMPF, "cluster", "up", "--name", "one", "--nodes", nodes)
    command.says("API server ready")
    command.send(signal.SIGTERM)
    assert command.end()[0] == -signal.SIGTERM
    assert machine.left(before) == {}


def test_down_says_that_nothing_is_up(machine: Machine) -> None:
    done = machine.rumpf("down", "--name", "one")
    assert done.returncode == 4
    assert done.stderr == (
        "error: one: no such cluster is up\n  -> none is up; rumpf cluster up starts one\n"
    )


def test_nobody_special_gets_fake_nodes_and_is_told_why(make_machine: MakeMachine) -> None:
    with make_machine(without=("templates",), owner=NOBODY) as machine:
        before = machine.traces()
        done = machine.rumpf("up", "--name", "one", "--sample", env=machine.binaries(), user=NOBODY)
        assert done.returncode == 0, done.stderr
        assert done.stderr.startswith("fake nodes (Pods are only simulated): a real node needs root")
        assert "nothing runs in them: fake nodes only say that Pods are Ready" in done.stderr
        assert {part["state"] for part in machine.components("one").values()} == {"running"}
        down = machine.rumpf("down", "--name", "one", user=NOBODY)
        assert down.returncode == 0, down.stderr
        assert machine.left(before) == {}


@pytest.mark.usefixtures("real_nodes")
def test_root_of_an_ordinary_container_gets_fake_nodes_and_is_told_why(machine: Machine) -> None:
    before = machine.traces()
    without = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
    done = machine.run(*without, RUMPF, "cluster", "up", "--name", "one")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(
        "fake nodes (Pods are only simulated): root may not make namespaces and mounts here (unshare"
    )
    assert machine.record("one")["nodes"] == "fake"
    machine.down("one")
    assert machine.left(before) == {}


def test_a_cluster_that_hangs_is_named_hides_no_other_and_can_be_taken_down(
    machine: Machine, nodes: str
) -> None:
    before = machine.traces()
    machine.up("hangs", "--nodes", nodes)
    machine.up("works", "--nodes", "none")
    machine.run("kill", "-STOP", str(machine.record("hangs")["supervisor"]))
    status = machine.rumpf("status")
    assert (status.returncode, status.stdout.partition(":")[0]) == (4, "works"), status.stderr
    assert status.stderr.startswith("error: hangs: the cluster does not answer to 'status' within ")
    begun = time.monotonic()
    down = machine.rumpf("down", "--all")
    assert down.returncode == 0, down.stderr
    assert time.monotonic() - begun < 8
    assert machine.left(before, patience=1) == {}


def test_nobody_special_gets_no_real_node_and_is_told_what_to_do(make_machine: MakeMachine) -> None:
    with make_machine(owner=NOBODY) as machine:
        done = machine.rumpf("up", "--nodes", "real", user=NOBODY)
        assert done.returncode == 4
        assert done.stderr == (
            "error: a real node needs root (or a sudo that asks no password): "
            "it makes namespaces and mounts\n"
            "  -> run it as root, or use --nodes fake (Pods are simulated), "
            "or a kind cluster with --cluster existing\n"
        )
