"""A bundle that the catalog holds itself is installed as OLM does it, and its operator works."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from rumpf.manifests import render, to_yaml
from rumpf.project import Project
from rumpf.testing import Kubectl
from tests.e2e.olm.conftest import Images
from tests.e2e.olm.likeolm import Inline

ROOT = Path(__file__).parents[3]
PROJECT = Project(ROOT)
BUSYBOX = "docker.io/library/busybox:1.37"

pytestmark = pytest.mark.nodes("real")


@dataclass
class Olm:
    """As much of OLM v0 as installs one bundle, and takes all of it away again."""

    kubectl: Kubectl
    everywhere: Kubectl
    folder: Path
    images: Images
    installed: list[dict[str, Any]]

    def install(self, name: str, targets: list[str]) -> None:
        """Install the newest bundle of the stable channel; wait until its Deployments are available."""
        bundle = Inline.of(self._head(name))
        self.everywhere(
            "apply", "--server-side", "--force-conflicts", "--filename=-", input=to_yaml(bundle.crds)
        )
        names = [f"crd/{crd['metadata']['name']}" for crd in bundle.crds]
        self.everywhere("wait", "--for=condition=Established", "--timeout=60s", *names)
        assert self.kubectl.namespace
        self.installed = list(bundle.installed(self.kubectl.namespace, targets))
        self.everywhere(
            "apply", "--server-side", "--validate=strict", "--filename=-", input=to_yaml(self.installed)
        )
        for each in self.installed:
            if each["kind"] == "Deployment":
                deployment = f"deployment/{each['metadata']['name']}"
                self.kubectl("rollout", "status", deployment, "--timeout=120s")

    def uninstall(self) -> None:
        """Delete what is in no namespace: the others go with the test's."""
        cluster = [each for each in self.installed if "namespace" not in each["metadata"]]
        if cluster:
            self.everywhere("delete", "--ignore-not-found", "--filename=-", input=to_yaml(cluster))

    def _head(self, name: str) -> dict[str, Any]:
        settings = {each.name for each in PROJECT.load(name).settings if each.name.endswith("IMAGE")}
        command = ["olm", "render", name, f"--into={self.folder}", f"--image={self.images.new}"]
        command += [f"--set={setting}={self.images.busybox}" for setting in settings]
        subprocess.run([sys.executable, "-m", "rumpf", *command], cwd=ROOT, check=True)
        blobs = list(yaml.safe_load_all((self.folder / f"catalog/{name}/catalog.yaml").read_text()))
        (stable,) = (each for each in blobs if each["schema"] == "olm.channel" and each["name"] == "stable")
        (head,) = (each for each in blobs if each["name"] == stable["entries"][-1]["name"])
        return dict(head)


@pytest.fixture
def olm(kubectl: Kubectl, images: Images, tmp_path: Path) -> Iterator[Olm]:
    made = Olm(kubectl, Kubectl(kubectl.binary, kubectl.kubeconfig), tmp_path, images, [])
    yield made
    made.uninstall()


def try_out(olm: Olm, name: str, where: Kubectl) -> None:
    """Apply an operator's samples, and wait until they are Ready."""
    rendered = render(PROJECT.load(name))
    where("apply", "--filename=-", input=to_yaml(rendered.samples).replace(BUSYBOX, olm.images.busybox))
    for sample in rendered.own_samples:
        asked = f"{sample['kind'].lower()}/{sample['metadata']['name']}"
        where("wait", "--for=condition=Ready", asked, "--timeout=90s")
    where("delete", "--filename=-", "--ignore-not-found", "--wait=false", input=to_yaml(rendered.samples))


@pytest.mark.parametrize("name", PROJECT.names)
def test_it_works_in_the_namespaces_of_its_operator_group_and_may_do_nothing_elsewhere(
    olm: Olm, kubectl: Kubectl, name: str
) -> None:
    assert kubectl.namespace
    olm.install(name, [kubectl.namespace])
    try_out(olm, name, kubectl)
    operator = PROJECT.load(name)
    account = f"--as=system:serviceaccount:{kubectl.namespace}:{operator.full_name}"
    asked = ("auth", "can-i", "list", str(operator.kinds[0]), account)
    assert kubectl.run(*asked).stdout.strip() == "yes"
    assert kubectl.within("default").run(*asked).stdout.strip() == "no"


@pytest.mark.parametrize("name", PROJECT.names)
def test_it_works_everywhere_where_its_operator_group_says_nothing(
    olm: Olm, kubectl: Kubectl, name: str
) -> None:
    olm.install(name, [])
    try_out(olm, name, kubectl.within("default"))
    operator = PROJECT.load(name)
    pods = json.loads(kubectl("get", "pods", f"--selector=rumpf.dev/operator={name}", "--output=json"))[
        "items"
    ]
    assert len(pods) == operator.replicas
    assert all(each["metadata"]["annotations"]["olm.targetNamespaces"] == "" for each in pods)
