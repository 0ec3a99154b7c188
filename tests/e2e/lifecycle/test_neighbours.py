"""Several clusters at once do not meet, and nobody outside gets into one."""

import base64
import json
import re
import stat
import sys
import textwrap
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.lifecycle.conftest import MakeMachine, need_real_nodes
from tests.e2e.lifecycle.machine import RUMPF, Machine

CLUSTERS = {"east": "real", "west": "real", "paper": "fake"}

POD = """
apiVersion: v1
kind: Pod
metadata: {name: first}
spec:
  automountServiceAccountToken: false
  containers: [{name: first, image: "rumpf.local/pause:1", imagePullPolicy: Never}]
"""

KNOCK = textwrap.dedent("""
    import base64, http.client, json, ssl, sys, urllib.parse

    kubeconfig, authority, url = sys.argv[1:]
    context = ssl.create_default_context(cafile=authority)
    context.check_hostname = False  # a kubelet is asked by an address that is not its own
    if kubeconfig:
        context.load_cert_chain(kubeconfig)
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPSConnection(address.hostname, address.port, context=context, timeout=10)
    try:
        connection.request("GET", address.path)
        print(connection.getresponse().status)
    except ssl.SSLCertVerificationError:
        print("not the one I know")
""")


@pytest.fixture(scope="module")
def machine(make_machine: MakeMachine) -> Generator[Machine]:
    """A machine on which three clusters came up at the same time."""
    need_real_nodes()
    with make_machine() as machine:
        coming = [
            machine.start(RUMPF, "cluster", "up", "--name", name, "--nodes", nodes)
            for name, nodes in CLUSTERS.items()
        ]
        for each in coming:
            code, _, said = each.end(120)
            assert code == 0, said
        yield machine


def test_each_has_an_address_of_its_own(machine: Machine) -> None:
    assert len({machine.record(name)["url"] for name in CLUSTERS}) == len(CLUSTERS)


def test_their_pods_have_the_same_addresses_and_do_not_meet(machine: Machine) -> None:
    addresses = []
    for name in ("east", "west"):
        machine.kubectl(name, "apply", "-f", "-", given=POD)
        machine.kubectl(name, "wait", "pod/first", "--for=condition=Ready", "--timeout=60s")
        addresses.append(machine.kubectl(name, "get", "pod/first", "-o", "jsonpath={.status.podIP}"))
    assert addresses == ["10.244.0.2", "10.244.0.2"]


@pytest.mark.parametrize(("here", "there"), [("east", "west"), ("west", "east")])
def test_no_way_leads_from_one_to_the_other(machine: Machine, here: str, there: str) -> None:
    address = host_of(machine, there)
    done = machine.rumpf("exec", "--name", here, "--", "ip", "route", "get", address)
    assert (done.returncode, "Network is unreachable" in done.stderr) == (2, True), done.stderr


def test_nothing_listens_on_the_machine_but_the_loopback_of_a_cluster_without_a_real_node(
    machine: Machine,
) -> None:
    port = machine.record("paper")["url"].rpartition(":")[2]
    assert list(machine.listeners()) == [f"tcp 127.0.0.1 {port}"]


@pytest.mark.parametrize("name", CLUSTERS)
def test_its_files_are_its_owners_alone(machine: Machine, name: str) -> None:
    folder = machine.clusters / name
    assert mode(machine.clusters) == 0o700
    assert mode(folder) == 0o700
    assert mode(folder / "kubeconfig") == 0o600
    assert mode(folder / "control.sock") & 0o077 == 0
    secret = [*folder.glob("pki/*.key"), *folder.glob("pki/*.kubeconfig"), *folder.glob("logs/*")]
    assert {path.name for path in secret} >= {"ca.key", "service-account.key", "scheduler.kubeconfig"}
    assert {path: mode(path) for path in secret if mode(path) != 0o600} == {}


@pytest.mark.parametrize("name", CLUSTERS)
def test_nothing_is_left_unverified(machine: Machine, name: str) -> None:
    folder = machine.clusters / name
    written = [*folder.glob("*.*"), *folder.glob("pki/*"), folder / "kubeconfig"]
    texts = [path.read_text() for path in written if path.is_file()]
    assert len(texts) > 10
    assert not [
        text for text in texts if re.search(r"insecure.?skip|skip.?(tls|verify)", text, re.IGNORECASE)
    ]


@pytest.mark.parametrize("name", CLUSTERS)
def test_it_does_not_talk_to_strangers(machine: Machine, name: str) -> None:
    url = machine.record(name)["url"]
    assert knock(machine, name, f"{url}/api/v1/namespaces") == "401"
    assert knock(machine, name, f"{url}/version") == "401"


def test_its_kubelet_does_not_talk_to_strangers(machine: Machine) -> None:
    assert knock(machine, "east", f"https://{host_of(machine, 'east')}:10250/pods") == "401"


@pytest.mark.parametrize(("name", "other"), [("east", "west"), ("paper", "east")])
def test_the_administrator_of_another_cluster_is_a_stranger(machine: Machine, name: str, other: str) -> None:
    url = machine.record(name)["url"] + "/api/v1/namespaces"
    assert knock(machine, name, url, visitor=name) == "200"
    assert knock(machine, name, url, visitor=other) == "401"


def test_another_cluster_is_not_taken_for_it(machine: Machine) -> None:
    url = machine.record("west")["url"] + "/version"
    assert knock(machine, "east", url, visitor="east") == "not the one I know"


def test_a_name_that_is_taken_is_refused_at_once(machine: Machine) -> None:
    begun = time.monotonic()
    done = machine.rumpf("up", "--name", "east", "--nodes", "none")
    assert time.monotonic() - begun < 5
    assert done.returncode == 4
    assert done.stderr == (
        "error: east: a cluster of this name is up already\n"
        "  -> rumpf cluster down --name east, or choose another --name\n"
    )


def test_of_two_that_want_the_same_name_at_the_same_moment_one_gets_it(machine: Machine) -> None:
    command = (RUMPF, "cluster", "up", "--name", "both", "--nodes", "none")
    begun = time.monotonic()
    rivals = [machine.start(*command), machine.start(*command)]
    ends = {code: (said, time.monotonic() - begun) for code, _, said in (rival.end() for rival in rivals)}
    assert ends.keys() == {0, 4}
    assert "both: a cluster of this name is up already" in ends[4][0]
    machine.down("both")


def test_the_log_of_a_component_that_is_not_there_is_not_printed_but_the_names_of_those_that_are(
    machine: Machine,
) -> None:
    done = machine.rumpf("logs", "--name", "paper", "nonsense")
    assert done.returncode == 2
    assert "paper: there is no log of 'nonsense'" in done.stderr
    for component in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"):
        assert component in done.stderr


def test_the_log_of_a_component_is_printed(machine: Machine) -> None:
    done = machine.rumpf("logs", "--name", "east", "--tail", "3", "kube-apiserver")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 3)


@pytest.mark.parametrize("content", [b"", b"no image", bytes(4096)], ids=["empty", "text", "zeros"])
def test_what_is_no_image_is_not_loaded(machine: Machine, content: bytes) -> None:
    archive = machine.folder / "garbage.tar"
    archive.write_bytes(content)
    done = machine.rumpf("load", "--name", "east", str(archive))
    assert done.returncode == 5
    assert f"{archive}: the node does not take it: " in done.stderr
    assert "-> is it an image archive (rumpf image build, docker save, podman save)?" in done.stderr


def test_an_archive_that_is_not_there_is_not_loaded(machine: Machine) -> None:
    done = machine.rumpf("load", "--name", "east", "missing.tar")
    assert (done.returncode, "missing.tar: there is no such archive" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("verb", ["load", "exec"])
def test_a_cluster_without_a_real_node_runs_no_images_and_cannot_be_entered(
    machine: Machine, verb: str
) -> None:
    archive = machine.folder / "there.tar"
    archive.touch()
    done = machine.rumpf(verb, "--name", "paper", str(archive))
    assert done.returncode == 2
    assert re.search("paper: a cluster with fake nodes .*\n  -> .*--nodes real", done.stderr), done.stderr


def test_a_component_that_dies_is_started_again(machine: Machine) -> None:
    machine.kill(machine_pid(machine, "east", "kube-scheduler"))
    scheduler = restarted(machine, "east", "kube-scheduler")
    assert scheduler["restarts"] == 1
    machine.kubectl("east", "run", "second", "--image=rumpf.local/pause:1", "--image-pull-policy=Never")
    machine.kubectl("east", "wait", "pod/second", "--for=condition=Ready", "--timeout=60s")


def test_an_api_server_that_is_killed_comes_back_with_everything(machine: Machine) -> None:
    machine.kubectl("paper", "create", "configmap", "kept", "--from-literal=a=b")
    machine.kill(machine_pid(machine, "paper", "kube-apiserver"))
    assert restarted(machine, "paper", "kube-apiserver")["restarts"] == 1
    deadline = time.monotonic() + 30
    while knock(machine, "paper", machine.record("paper")["url"] + "/readyz", visitor="paper") != "200":
        assert time.monotonic() < deadline
    assert machine.kubectl("paper", "get", "configmap/kept", "-o", "jsonpath={.data.a}") == "b"


def knock(machine: Machine, name: str, url: str, *, visitor: str = "") -> str:
    """Ask `url`, trusting the authority of cluster `name`, as the administrator of `visitor` or as nobody."""
    credentials = ""
    if visitor:
        config = json.loads((machine.clusters / visitor / "kubeconfig").read_text())
        user = config["users"][0]["user"]
        file = machine.folder / f"{visitor}.pem"
        file.touch(mode=0o600)
        file.write_bytes(
            base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"])
        )
        credentials = str(file)
    authority = machine.clusters / name / "pki/ca.crt"
    done = machine.run(sys.executable, "-c", KNOCK, credentials, authority, url)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def restarted(machine: Machine, name: str, component: str) -> dict[str, Any]:
    """Wait until a component runs again."""
    deadline = time.monotonic() + 30
    while not ((found := machine.components(name)[component])["restarts"] and found["state"] == "running"):
        assert time.monotonic() < deadline
    return found


def machine_pid(machine: Machine, name: str, component: str) -> int:
    pid: int = machine.components(name)[component]["pid"]
    return pid


def host_of(machine: Machine, name: str) -> str:
    return str(machine.record(name)["url"]).removeprefix("https://").partition(":")[0]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
