"""What a real node does for Pods, seen from inside the Pods and from this machine."""

import base64
import ssl
import stat
import subprocess
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import SplitResult, urlsplit

import pytest
import yaml

from rumpf.errors import KubectlFailed
from rumpf.testing import Kubectl, RunningCluster
from tests.e2e.inside import Object, Pods, apply, claim, claimed, mounted, service

pytestmark = pytest.mark.nodes("real")


def test_a_deployment_rolls_out_and_its_service_is_found_by_name(
    pods: Pods, kubectl: Kubectl, namespace: str
) -> None:
    apply(kubectl, _deployment(pods, "web", replicas=2), service("web"))
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    pods.run("client")
    name = f"web.{namespace}.svc.cluster.local"
    address = kubectl("get", "service", "web", "--output=jsonpath={.spec.clusterIP}")
    assert address in pods.sh("client", f"nslookup {name}")
    assert pods.reaches("client", address)
    assert pods.reaches("client", name)
    assert pods.reaches("client", "web")


def test_a_name_outside_the_cluster_is_not_found_at_once(pods: Pods) -> None:
    pods.run("client")
    said = pods.kubectl.run("exec", "client", "--", "timeout", "2", "nslookup", "example.com.").stdout
    assert "NXDOMAIN" in said


def test_a_pod_that_is_not_ready_gets_no_traffic_until_it_is(pods: Pods, kubectl: Kubectl) -> None:
    probe = {"exec": {"command": ["test", "-f", "/ready"]}, "periodSeconds": 1}
    apply(kubectl, pods.manifest("web", container={"readinessProbe": probe}), service("web"))
    pods.run("client")
    pods.wait_for("web", "{.status.phase}", "Running")
    assert pods.field("web", '{.status.conditions[?(@.type=="Ready")].status}') == "False"
    assert not pods.reaches("client", "web")
    pods.sh("web", "touch /ready")
    pods.ready("web")
    pods.until("client", "wget -q -O - http://web:8080/")


def test_a_node_port_is_reached_from_this_machine(pods: Pods, kubectl: Kubectl) -> None:
    pods.run("web")
    apply(kubectl, service("web", type="NodePort"))
    port = kubectl("get", "service", "web", "--output=jsonpath={.spec.ports[0].nodePort}")
    pods.run("client")
    pods.until("client", "wget -q -O - http://web:8080/")  # the Service is in force
    with urllib.request.urlopen(f"http://{_server(kubectl).hostname}:{port}/", timeout=5) as answer:
        assert answer.read() == b"hello\n"


def test_exec_hands_on_input_output_errors_and_the_exit_code(pods: Pods, kubectl: Kubectl) -> None:
    pods.run("box")
    assert kubectl("exec", "-i", "box", "--", "tr", "a-z", "A-Z", input="shout") == "SHOUT"
    done = kubectl.run("exec", "box", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert done.stdout == "out\n"
    assert "err\n" in done.stderr
    assert done.returncode == 7


def test_logs_are_there_also_of_the_container_before(pods: Pods, kubectl: Kubectl) -> None:
    script = "echo >> /data/lives; echo life $(wc -l < /data/lives); sleep 1000; exit 1"
    pods.run("box", script=script, **mounted(emptyDir={}))
    assert kubectl("logs", "box") == "life 1\n"
    pods.sh("box", "killall sleep")
    pods.wait_for("box", "{.status.containerStatuses[0].restartCount}", "1")
    pods.ready("box")
    assert kubectl("logs", "box") == "life 2\n"
    assert kubectl("logs", "box", "--previous").startswith("life 1\n")


def test_a_port_is_forwarded_to_a_pod(pods: Pods, kubectl: Kubectl) -> None:
    pods.run("web")
    with (
        _forwarded(kubectl, "pod/web", 8080) as port,
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer,
    ):
        assert answer.read() == b"hello\n"


def test_a_job_that_fails_first_is_run_again_and_completes(pods: Pods, kubectl: Kubectl) -> None:
    once = "if [ ! -d /data/tried ]; then mkdir /data/tried; exit 1; fi; echo done"
    template = pods.manifest("job", once, restartPolicy="OnFailure", **mounted(emptyDir={}))
    job = {"template": {"spec": template["spec"]}}
    apply(kubectl, {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": job})
    kubectl("wait", "--for=condition=Complete", "job/job", "--timeout=60s")
    assert kubectl("logs", "job/job") == "done\n"


def test_a_container_whose_liveness_probe_fails_is_started_again(pods: Pods) -> None:
    probe = {"exec": {"command": ["test", "!", "-f", "/sick"]}, "periodSeconds": 1, "failureThreshold": 1}
    pods.run("web", container={"livenessProbe": probe})
    pods.sh("web", "touch /sick")
    pods.wait_for("web", "{.status.containerStatuses[0].restartCount}", "1")
    pods.ready("web")


def test_a_container_that_takes_more_memory_than_it_may_is_killed_for_it(
    pods: Pods, kubectl: Kubectl
) -> None:
    greedy = pods.manifest(
        "greedy",
        "exec tail -c 64m /dev/zero",
        container={"resources": {"limits": {"memory": "16Mi"}}},
        restartPolicy="Never",
    )
    apply(kubectl, greedy)
    pods.wait_for("greedy", "{.status.phase}", "Failed")
    assert pods.field("greedy", "{.status.containerStatuses[0].state.terminated.reason}") == "OOMKilled"


def test_a_claim_is_bound_and_what_is_written_outlives_the_pod(pods: Pods, kubectl: Kubectl) -> None:
    apply(kubectl, claim("data", "32Mi"))
    pods.run("one", **claimed("data"))
    assert kubectl("get", "pvc", "data", "--output=jsonpath={.status.phase}") == "Bound"
    pods.sh("one", "echo remember > /data/it")
    kubectl("delete", "pod", "one")
    pods.run("two", **claimed("data"))
    assert pods.sh("two", "cat /data/it") == "remember\n"


def test_a_volume_is_as_large_as_its_claim_and_full_when_it_is_full(pods: Pods, kubectl: Kubectl) -> None:
    apply(kubectl, claim("data", "8Mi"))
    pods.run("box", **claimed("data"))
    assert not pods.tries("box", "dd if=/dev/zero of=/data/much bs=1M count=9")
    assert pods.sh("box", "stat -c %s /data/much") == f"{8 * 2**20}\n"


def test_a_privileged_pod_is_refused_where_pods_must_be_restricted(
    pods: Pods, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    with pytest.raises(KubectlFailed) as refused:
        apply(kubectl, pods.manifest("box", container={"securityContext": {"privileged": True}}))
    assert 'violates PodSecurity "restricted:latest": privileged' in str(refused.value)


def test_whoever_does_not_say_who_he_is_is_turned_away(cluster: RunningCluster, kubectl: Kubectl) -> None:
    config = yaml.safe_load(cluster.kubeconfig.read_text())["clusters"][0]["cluster"]
    authority = base64.b64decode(config["certificate-authority-data"]).decode()
    trusting = ssl.create_default_context(cadata=authority)
    for path in ("/", "/api", "/healthz", "/version"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(_server(kubectl).geturl() + path, context=trusting, timeout=5)  # noqa: S310
        refused.value.close()
        assert refused.value.code == 401


def test_the_kubeconfig_is_its_owners_alone(cluster: RunningCluster) -> None:
    assert stat.S_IMODE(cluster.kubeconfig.stat().st_mode) == 0o600


def _deployment(pods: Pods, name: str, replicas: int) -> Object:
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    pod = pods.manifest(name, container={"readinessProbe": probe})
    labels = pod["metadata"]["labels"]
    template = {"metadata": {"labels": labels}, "spec": pod["spec"]}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def _server(kubectl: Kubectl) -> SplitResult:
    return urlsplit(kubectl("config", "view", "--minify", "--output=jsonpath={.clusters[0].cluster.server}"))


@contextmanager
def _forwarded(kubectl: Kubectl, target: str, port: int) -> Generator[int]:
    forward = subprocess.Popen(
        kubectl.command("port-forward", target, f":{port}"), stdout=subprocess.PIPE, text=True
    )
    with forward:
        assert forward.stdout is not None
        try:
            said = forward.stdout.readline()
            assert said.startswith("Forwarding from 127.0.0.1:"), said
            yield int(said.split(":")[1].split()[0])
        finally:
            forward.kill()
