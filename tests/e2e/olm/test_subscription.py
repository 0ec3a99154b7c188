"""A Subscription, from the release before to this one, where OLM v0 is: nothing is restarted."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from rumpf.manifests import to_yaml
from rumpf.olm.shelf import Shelf
from rumpf.project import Project
from rumpf.testing import Kubectl
from tests.e2e.olm.conftest import Images

ROOT = Path(__file__).parents[3]
SHELF = Shelf.of(Project(ROOT))
MESSAGE = Project(ROOT).load("message")
PACKAGE = MESSAGE.full_name
CATALOG = "rumpf-catalog"
OPM = os.environ.get("RUMPF_OPM_IMAGE", "quay.io/operator-framework/opm:v1.73.0")
_PATIENCE = 240.0
T = TypeVar("T")
_API = "operators.coreos.com/v1alpha1"

pytestmark = pytest.mark.nodes("real")


@dataclass(frozen=True)
class Subscribed:
    """A namespace with a catalog, an OperatorGroup, and a Subscription that asks before it installs."""

    kubectl: Kubectl

    def approve(self, csv: str) -> None:
        """Approve the plan that installs a CSV, and wait until that has succeeded."""

        def plan() -> str:
            plans = json.loads(self.kubectl("get", "installplans", "--output=json"))["items"]
            found = [each for each in plans if csv in each["spec"]["clusterServiceVersionNames"]]
            return str(found[-1]["metadata"]["name"]) if found else ""

        approved = '--patch={"spec": {"approved": true}}'
        self.kubectl("patch", "installplan", until(plan), "--type=merge", approved)
        asked = ("get", "csv", csv, "--output=jsonpath={.status.phase}")
        until(lambda: self.kubectl.run(*asked).stdout == "Succeeded")


def until(look: Callable[[], T]) -> T:
    """Look until there is something to see."""
    last = time.monotonic() + _PATIENCE
    while not (found := look()):
        assert time.monotonic() < last, "it did not come to that"
        time.sleep(1)
    return found


@pytest.fixture
def subscribed(kubectl: Kubectl, images: Images, tmp_path: Path) -> Iterator[Subscribed]:
    everywhere = Kubectl(kubectl.binary, kubectl.kubeconfig)
    running = everywhere("get", "deployments", "--all-namespaces", "--output=name").split()
    if "deployment.apps/olm-operator" not in running:
        pytest.skip("OLM v0 is not in this cluster")
    kubectl("apply", "--filename=-", input=to_yaml(serving(catalog(images, tmp_path))))
    kubectl("wait", "--for=condition=Ready", f"pod/{CATALOG}", "--timeout=120s")
    assert kubectl.namespace
    kubectl("apply", "--filename=-", input=to_yaml(subscribing(kubectl.namespace)))
    yield Subscribed(kubectl)
    kubectl.run("delete", "messages,subscriptions,csv", "--all")


def catalog(images: Images, folder: Path) -> str:
    """Return the catalog of all releases, with images that the nodes have."""
    project = folder / "project"
    for name in ("bundle", "operators", "rumpf/__init__.py", "pyproject.toml"):
        target = project / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, target)
    # Only its version is wanted of it: what is imported is the package that is tested.
    (project / "rumpf/__init__.py").rename(project / "version.py")
    (project / "rumpf").rmdir()
    said = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(said.replace('"rumpf/__init__.py"', '"version.py"'))
    for path in (project / "bundle").rglob("*.yaml"):
        text = re.sub(r"\S+/operators@sha256:\w+", images.old, path.read_text())
        path.write_text(re.sub(r"\S+/busybox@sha256:\w+", images.busybox, text))
    command = [sys.executable, "-m", "rumpf", "olm", "render", "message", f"--into={folder / 'out'}"]
    command += [f"--image={images.new}", f"--set=MESSAGE_IMAGE={images.busybox}"]
    subprocess.run(command, cwd=project, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True)
    return (folder / "out/catalog/message/catalog.yaml").read_text()


def serving(text: str) -> list[dict[str, Any]]:
    """Return what serves a catalog: no image of it has to be built."""
    labels = {"app": CATALOG}
    container = {
        "name": "opm",
        "image": OPM,
        "args": ["serve", "/configs"],
        "ports": [{"containerPort": 50051}],
        "readinessProbe": {"grpc": {"port": 50051}},
        "volumeMounts": [{"name": "configs", "mountPath": "/configs/message"}],
    }
    volume = {"name": "configs", "configMap": {"name": CATALOG}}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": CATALOG},
            "data": {"catalog.yaml": text},
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": CATALOG, "labels": labels},
            "spec": {"containers": [container], "volumes": [volume]},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": CATALOG},
            "spec": {"selector": labels, "ports": [{"port": 50051}]},
        },
    ]


def subscribing(namespace: str) -> list[dict[str, Any]]:
    first = f"{PACKAGE}.v{SHELF.versions(MESSAGE)[-1]}"
    address = {"sourceType": "grpc", "address": f"{CATALOG}.{namespace}.svc:50051"}
    wanted = {
        "name": PACKAGE,
        "channel": "stable",
        "source": CATALOG,
        "sourceNamespace": namespace,
        "startingCSV": first,
        "installPlanApproval": "Manual",
    }
    return [
        {"apiVersion": _API, "kind": "CatalogSource", "metadata": {"name": CATALOG}, "spec": address},
        {
            "apiVersion": "operators.coreos.com/v1",
            "kind": "OperatorGroup",
            "metadata": {"name": CATALOG},
            "spec": {"targetNamespaces": [namespace]},
        },
        {"apiVersion": _API, "kind": "Subscription", "metadata": {"name": PACKAGE}, "spec": wanted},
    ]


def test_an_upgrade_by_subscription_restarts_nothing(kubectl: Kubectl, subscribed: Subscribed) -> None:
    subscribed.approve(f"{PACKAGE}.v{SHELF.versions(MESSAGE)[-1]}")
    kubectl("apply", f"--filename={ROOT / 'operators/message/k8s/example-message.yaml'}")
    kubectl("wait", "--for=condition=Ready", "message/hello-msg", "--timeout=90s")
    asked = ("get", "message/hello-msg", "pod/msg-hello-msg", "--output=jsonpath={.items[*].metadata.uid}")
    alive = kubectl(*asked)
    subscribed.approve(f"{PACKAGE}.v{SHELF.version}")
    assert kubectl(*asked) == alive
    assert "restartCount: 0" in kubectl("get", "pod", "msg-hello-msg", "--output=yaml")
