"""Processes killed and frozen, volumes filled: what Pods and clients see of it, and that it ends."""

import subprocess

import pytest

from rumpf.errors import FaultError, KubectlFailed
from rumpf.testing import Faults, Kubectl, RunningCluster
from rumpf.testing.embedded import Embedded
from tests.e2e.inside import Object, Pods, apply, claim, claimed, mounted

real = pytest.mark.nodes("real")

READY = "{.status.conditions[?(@.type=='Ready')].lastTransitionTime}"


def test_while_the_api_server_is_killed_nobody_answers_and_then_it_knows_all_it_knew(
    kubectl: Kubectl, namespace: str, faults: Faults
) -> None:
    kubectl("create", "configmap", "before")
    with faults.killed("kube-apiserver"):
        assert "refused" in kubectl.run("get", "configmaps").stderr
    assert "before" in kubectl("get", "configmaps")
    assert kubectl.namespace == namespace


@pytest.mark.parametrize("component", ["kube-apiserver", "etcd"])
def test_a_component_that_is_killed_is_back_when_the_call_returns(
    kubectl: Kubectl, namespace: str, faults: Faults, component: str
) -> None:
    kubectl("create", "configmap", "before")
    faults.kill(component)
    kubectl("create", "configmap", "after")
    assert kubectl("get", "configmap", "before", "after", "--output=name").split() == [
        "configmap/before",
        "configmap/after",
    ]
    assert kubectl.namespace == namespace


def test_a_frozen_api_server_takes_connections_and_answers_nothing(
    kubectl: Kubectl, namespace: str, faults: Faults
) -> None:
    with faults.frozen("kube-apiserver"), pytest.raises(KubectlFailed) as hung:
        kubectl("get", "configmaps", "--request-timeout=2s")
    assert "deadline exceeded" in str(hung.value) or "imeout" in str(hung.value)
    assert "kube-root-ca.crt" in kubectl("get", "configmaps", "--request-timeout=2s")
    assert kubectl.namespace == namespace


def test_while_etcd_is_frozen_nothing_is_written_and_nothing_is_lost(
    kubectl: Kubectl, namespace: str, faults: Faults
) -> None:
    with faults.frozen("etcd"), pytest.raises(KubectlFailed):
        kubectl("create", "configmap", "during", "--request-timeout=2s")
    kubectl("create", "configmap", "after")
    assert kubectl.namespace == namespace


@real
@pytest.mark.parametrize("component", ["kube-scheduler", "kube-controller-manager"])
def test_without_it_no_pod_of_a_deployment_starts_until_it_is_back(
    kubectl: Kubectl, pods: Pods, faults: Faults, component: str
) -> None:
    del pods
    with faults.killed(component):
        kubectl("create", "deployment", "web", "--image=rumpf.local/busybox:1", "--", "sleep", "1000")
        with pytest.raises(KubectlFailed):
            kubectl("rollout", "status", "deployment/web", "--timeout=2s")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")


@real
@pytest.mark.parametrize("component", ["kubelet", "containerd", "kube-apiserver"])
def test_pods_live_on_when_a_component_of_their_node_is_killed(
    pods: Pods, faults: Faults, component: str
) -> None:
    pods.run("one")
    faults.kill(component)
    assert pods.sh("one", "wget -q -O - http://127.0.0.1:8080/") == "hello\n"
    if component == "kube-apiserver":
        faults.kill("kubelet")  # it would pause before it asks for new Pods
    pods.run("another")
    assert pods.restarts("one") == 0


def test_what_another_fault_keeps_down_stays_down_when_the_api_server_is_back(
    cluster: RunningCluster, faults: Faults
) -> None:
    before = component(cluster, "kube-controller-manager")
    with faults.killed("kube-scheduler"):
        faults.kill("kube-apiserver")
        assert component(cluster, "kube-scheduler") == ("held", None)
        assert component(cluster, "kube-controller-manager") != before, "that one was started anew"
    assert component(cluster, "kube-scheduler")[0] == "running"


@real
def test_a_pod_that_is_ready_stays_so_when_the_api_server_is_killed_and_the_controllers_start_anew(
    cluster: RunningCluster, pods: Pods, faults: Faults
) -> None:
    pods.run("one", container={"readinessProbe": {"exec": {"command": ["true"]}}})
    ready, kubelet = pods.field("one", READY), component(cluster, "kubelet")
    faults.kill("kube-apiserver")
    assert (pods.field("one", READY), component(cluster, "kubelet")) == (ready, kubelet)
    assert pods.restarts("one") == 0


def test_a_component_that_there_is_not_is_refused_with_those_that_there_are(faults: Faults) -> None:
    for refused in (faults.kill, faults.killed, faults.frozen):
        with pytest.raises(FaultError, match="this cluster has no component 'api'") as error:
            refused("api")
        assert "it has: etcd, kube-apiserver" in error.value.remedy


@real
def test_a_pod_that_there_is_not_is_refused_with_those_that_there_are(pods: Pods, faults: Faults) -> None:
    with pytest.raises(FaultError, match="there is no such Pod") as error:
        faults.kill_container("nobody")
    assert f"namespace {faults.namespace} has none" in error.value.remedy
    pods.run("one", "two")
    with pytest.raises(FaultError, match="there is no such Pod") as error:
        faults.fill("nobody", "/data")
    assert error.value.remedy == f"namespace {faults.namespace} has: one, two"


def test_a_component_is_well_again_after_a_test_that_failed_while_it_was_frozen(
    kubectl: Kubectl, namespace: str, faults: Faults
) -> None:
    with pytest.raises(ZeroDivisionError), faults.frozen("kube-apiserver"):
        raise ZeroDivisionError
    assert "kube-root-ca.crt" in kubectl("get", "configmaps", "--request-timeout=2s")
    assert "frozen  <- ZeroDivisionError while it was active" in str(faults.episodes.all[-1])
    assert kubectl.namespace == namespace


@real
def test_a_killed_container_is_started_again_and_a_wait_for_it_waits_for_the_new_one(
    pods: Pods, faults: Faults
) -> None:
    pods.run("one")
    pods.sh("one", "touch /mine")
    faults.kill_container("one")
    pods.ready("one")
    assert pods.restarts("one") == 1
    assert pods.field("one", "{.status.containerStatuses[0].lastState.terminated.exitCode}") == "137"
    assert not pods.tries("one", "test -e /mine")


@real
def test_another_signal_is_only_sent(pods: Pods, faults: Faults, kubectl: Kubectl) -> None:
    pods.run("one", script="trap 'echo heard' HUP; echo ready; while :; do sleep 1000 & wait $!; done")
    faults.kill_container("one", "main", signal="HUP")
    with subprocess.Popen(kubectl.command("logs", "--follow", "one"), stdout=subprocess.PIPE) as log:
        assert log.stdout is not None
        assert [log.stdout.readline() for _ in range(2)] == [b"ready\n", b"heard\n"]
        log.kill()
    assert pods.restarts("one") == 0


@real
def test_a_volume_in_memory_is_full_for_the_block_and_empty_again_afterwards(
    pods: Pods, faults: Faults
) -> None:
    pods.run("one", **mounted(emptyDir={"medium": "Memory", "sizeLimit": "8Mi"}))
    pods.sh("one", "echo mine > /data/file")
    with faults.fill("one", "/data"):
        assert pods.sh("one", "ls -A /data") == "file\n", "nothing else is seen there"
        assert "No space left on device" in _write(pods)
        assert pods.sh("one", "cat /data/file") == "mine\n"
    assert _write(pods) == ""


@real
def test_a_claimed_volume_is_filled_too(pods: Pods, faults: Faults, kubectl: Kubectl) -> None:
    apply(kubectl, claim("data", "8Mi"))
    pods.run("one", **claimed("data"))
    with faults.fill("one", "/data"):
        assert "No space left on device" in _write(pods)
    assert _write(pods) == ""


@real
def test_a_volume_stays_full_when_the_container_is_killed_and_the_pod_can_go_meanwhile(
    pods: Pods, faults: Faults, kubectl: Kubectl
) -> None:
    pods.run("one", **mounted(emptyDir={"medium": "Memory", "sizeLimit": "8Mi"}))
    with faults.fill("one", "/data"):
        faults.kill_container("one")
        pods.ready("one")
        assert "No space left on device" in _write(pods)
        kubectl("delete", "pod", "one", "--grace-period=1")


@real
def test_what_is_not_a_small_volume_is_never_filled(pods: Pods, faults: Faults, kubectl: Kubectl) -> None:
    volumes: Object = {
        "disk": {"emptyDir": {}},
        "endless": {"emptyDir": {"medium": "Memory"}},
        "run": {"hostPath": {"path": "/run"}},
        "node": {"hostPath": {"path": "/"}},
    }
    mounts = [{"name": name, "mountPath": f"/{name}"} for name in volumes]
    pods.run(
        "one",
        volumes=[{"name": name, **volume} for name, volume in volumes.items()],
        container={"volumeMounts": mounts},
    )
    for path, says in {
        "/": "not a file system of its own",
        "/disk": "not a file system of its own",
        "/run": "not a file system of its own",
        "/node/tmp": "not a file system of its own",
        "/node/dev": "no more than 2048 are filled|not a file system of its own",
        "/endless": "no more than 2048 are filled",
        "/nowhere": "No such file or directory",
    }.items():
        with pytest.raises(FaultError, match=says) as refused, faults.fill("one", path):
            pytest.fail(f"{path} was filled")
        assert "PersistentVolumeClaim" in refused.value.remedy
    assert kubectl("get", "pods", "--output=name") == "pod/one\n"


def _write(pods: Pods) -> str:
    return pods.kubectl.run("exec", "one", "--", "sh", "-c", "echo more > /data/more").stderr


def component(cluster: RunningCluster, name: str) -> tuple[str, int | None]:
    """Return a component's state and process."""
    assert isinstance(cluster, Embedded)
    return next((each.state, each.pid) for each in cluster.handle.status() if each.name == name)
