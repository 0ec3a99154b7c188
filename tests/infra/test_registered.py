"""A real cluster is given exactly what the program registers, in its order, and the operators then work."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rumpf.console import Silent
from rumpf.install.local_images import local_settings
from rumpf.manifests import render
from rumpf.project import Project
from rumpf.testing import Kubectl, RunningCluster
from tests.infra.stack import ROOT, Graph, plain, run

PROJECT = Project(ROOT)
IMAGE = "rumpf.local/operators:dev"
OURS = "app.kubernetes.io/managed-by=rumpf"
WITHOUT_NAMESPACE = "namespaces,clusterroles,clusterrolebindings,crds"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    build = [sys.executable, "-m", "rumpf", "image", "build", "operators", f"--into={folder}"]
    subprocess.run(build, cwd=ROOT, check=True)
    return folder / "operators.tar"


@pytest.fixture
def applied(kubectl: Kubectl, cluster: RunningCluster, archive: Path, busybox: str) -> Iterator[Graph]:
    """All operators, in the cluster, and gone again afterwards."""
    cluster.load(archive)
    chosen = {name: local_settings(PROJECT.load(name), {}, Silent()) for name in PROJECT.names}
    assert busybox in {value for settings in chosen.values() for value in settings.values()}
    values = {name: {"settings": settings} for name, settings in chosen.items()}
    graph = run("existing", {"rumpf:image": IMAGE, "rumpf:values": values})
    everywhere = Kubectl(kubectl.binary, kubectl.kubeconfig)
    for each in graph.objects:
        everywhere("apply", "--server-side", "--filename=-", input=json.dumps(plain(each.manifest)))
    yield graph
    everywhere("delete", WITHOUT_NAMESPACE, f"--selector={OURS}")


@pytest.mark.nodes("real")
def test_the_operators_that_the_program_registers_work(applied: Graph, kubectl: Kubectl) -> None:
    for name in PROJECT.names:
        operator = PROJECT.load(name)
        home = applied.outputs["operators"][name]["namespace"]
        kubectl(
            "rollout", "status", f"deployment/{operator.full_name}", f"--namespace={home}", "--timeout=120s",
            timeout=130,
        )  # fmt: skip
        for sample in render(operator).own_samples:
            kubectl("apply", "--server-side", "--filename=-", input=json.dumps(sample))
            group = sample["apiVersion"].partition("/")[0]
            seen = ("wait", "--for=jsonpath={.status.observedGeneration}=1", "--timeout=60s")
            kubectl(*seen, f"{sample['kind']}.{group}/{sample['metadata']['name']}", timeout=70)


@pytest.mark.nodes("real")
def test_a_message_is_printed_by_what_the_program_registers(applied: Graph, kubectl: Kubectl) -> None:
    (sample,) = render(PROJECT.load("message")).samples
    kubectl("apply", "--server-side", "--filename=-", input=json.dumps(sample))

    kubectl("wait", "--for=condition=Ready", "message/hello-msg", "--timeout=60s", timeout=70)

    pod = kubectl("get", "message", "hello-msg", "--output=jsonpath={.status.podName}")
    assert kubectl("logs", pod).strip() == sample["spec"]["text"]
    assert "message" in applied.outputs["operators"]
