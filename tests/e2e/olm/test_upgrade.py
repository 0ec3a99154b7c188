"""From the release before to this one, and back, with live objects: nothing is lost, nothing is restarted."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rumpf.olm.bundle import INSTALL
from rumpf.olm.shelf import Shelf
from rumpf.project import Project
from rumpf.testing import Kubectl
from tests.e2e.olm.conftest import Images

PROJECT = Project(Path(__file__).parents[3])
SHELF = Shelf.of(PROJECT)
OPERATOR = PROJECT.load("message")
APPLY = ("apply", "--server-side", "--force-conflicts", "--filename=-")
TEXTS = {f"msg-{number}": f"text {number}" for number in range(5)}
_PATIENCE = 60.0

pytestmark = pytest.mark.nodes("real")


@dataclass(frozen=True)
class Releases:
    """The release before this one, and this one, as they are on disk; the images in them are the node's."""

    kubectl: Kubectl
    images: Images

    def apply(self, version: object, image: str) -> None:
        """Apply a release over whatever is there; wait until its Pods are the only ones, and one leads."""
        text = (PROJECT.root / "bundle" / OPERATOR.name / str(version) / INSTALL).read_text()
        text = re.sub(r"\S+/operators@sha256:\w+", image, text)
        text = re.sub(r"\S+/busybox@sha256:\w+", self.images.busybox, text)
        self.kubectl(*APPLY, input=text)
        home = self.kubectl.within(OPERATOR.full_name)
        home("rollout", "status", f"deployment/{OPERATOR.full_name}", "--timeout=120s")
        until = time.monotonic() + _PATIENCE
        while not self.leads(home, image):
            assert time.monotonic() < until, "nobody of the new release leads"
            time.sleep(0.2)

    def leads(self, home: Kubectl, image: str) -> bool:
        """Tell whether the holder of the Lease is a Pod of this image."""
        done = home.run("get", "lease", OPERATOR.full_name, "--output=jsonpath={.spec.holderIdentity}")
        pod = home.run(
            "get", "pod", done.stdout.partition("_")[0], "--output=jsonpath={.spec.containers[0].image}"
        )
        return pod.returncode == 0 and pod.stdout == image


@pytest.fixture
def releases(kubectl: Kubectl, images: Images) -> Iterator[Releases]:
    everywhere = Kubectl(kubectl.binary, kubectl.kubeconfig)
    yield Releases(everywhere, images)
    kubectl.run("delete", "messages", "--all")
    mine = f"--selector=rumpf.dev/operator={OPERATOR.name}"
    everywhere("delete", "--ignore-not-found", "namespaces,clusterroles,clusterrolebindings", mine)


def create(kubectl: Kubectl, name: str, text: str) -> None:
    message = {
        "apiVersion": "myorg.dev/v1",
        "kind": "Message",
        "metadata": {"name": name},
        "spec": {"text": text},
    }
    kubectl("create", "--filename=-", input=json.dumps(message))
    ready(kubectl, name)


def ready(kubectl: Kubectl, name: str) -> None:
    kubectl("wait", "--for=condition=Ready", f"message/{name}", "--timeout=90s")


def state(kubectl: Kubectl) -> dict[str, Any]:
    """Return what must not change: every Message as it was written last, every Pod as it was started."""
    messages = json.loads(kubectl("get", "messages", "--output=json"))["items"]
    pods = json.loads(kubectl("get", "pods", "--output=json"))["items"]
    return {
        **{f"message {each['metadata']['name']}": each["metadata"]["resourceVersion"] for each in messages},
        **{
            f"pod {each['metadata']['name']}": (
                each["metadata"]["uid"],
                each["metadata"].get("generation"),
                each["status"]["containerStatuses"][0]["restartCount"],
            )
            for each in pods
        },
    }


def test_the_release_before_this_one_is_kept() -> None:
    assert SHELF.versions(OPERATOR)
    assert (PROJECT.root / SHELF.folder(OPERATOR) / INSTALL).is_file()


def test_an_upgrade_and_the_way_back_restart_nothing_and_lose_nothing(
    kubectl: Kubectl, releases: Releases
) -> None:
    before, now = SHELF.versions(OPERATOR)[-1], SHELF.version
    releases.apply(before, releases.images.old)
    for name, text in TEXTS.items():
        create(kubectl, name, text)
    alive = state(kubectl)
    assert len(alive) == 2 * len(TEXTS)

    releases.apply(now, releases.images.new)
    create(kubectl, "later", "made by the new release")
    assert alive.items() <= state(kubectl).items()

    kubectl("patch", "message", "msg-0", "--type=merge", '--patch={"spec": {"text": "another"}}')
    ready(kubectl, "msg-0")
    assert kubectl("logs", "pod/msg-msg-0") == "another\n"

    alive = state(kubectl)
    releases.apply(before, releases.images.old)
    create(kubectl, "last", "made by the old release")
    assert alive.items() <= state(kubectl).items()
    assert kubectl("logs", "pod/msg-later") == "made by the new release\n"
