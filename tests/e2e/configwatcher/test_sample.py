"""The sample, as a person meets it: `rumpf up`, and what the README and the page say to type."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rumpf.cluster import Cluster, attach, best_nodes
from rumpf.testing import Kubectl
from tests.e2e.gadget import Project
from tests.e2e.pages import Block, Reader, blocks
from tests.e2e.test_run import Running

ROOT = Path(__file__).parents[3]
NAME = "test-sample"
PAGE = "/api/v1/namespaces/default/services/webapp/proxy/"
pytestmark = pytest.mark.nodes("real")


@pytest.fixture(scope="module")
def place() -> Iterator[Cluster]:
    """A cluster that `rumpf up` has brought up, with the operator and its sample at work."""
    if best_nodes()[0] != "real":
        pytest.skip("no Pods run on this machine")
    with Running(Project(ROOT, Path(os.devnull)), "up", "configwatcher", f"--name={NAME}") as running:
        running.says("Ctrl-C ends it", 300)
        assert "sample: created    Deployment default/webapp" in running.said
        yield attach(NAME)
        assert running.end() == 0


@pytest.fixture
def admin(place: Cluster) -> Kubectl:
    return Kubectl(Path(place.binaries["kubectl"]), place.kubeconfig, "default")


@pytest.fixture
def reader(place: Cluster, tmp_path: Path) -> Iterator[Reader]:
    """Somebody who has read up to there: KUBECONFIG and PATH are set."""
    environment = {
        **os.environ,
        "KUBECONFIG": str(place.kubeconfig),
        "PATH": f"{Path(place.binaries['kubectl']).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "200",
    }
    with Reader(ROOT / "README.md", tmp_path, environment) as found:
        yield found


def section(page: str, heading: str) -> list[Block]:
    """Return the blocks of a section, but for those at a second terminal."""
    text = (ROOT / page).read_text()
    _, found = re.split(rf"^## {re.escape(heading)}$", text, maxsplit=1, flags=re.MULTILINE)
    shown = blocks(re.split(r"^## ", found, maxsplit=1, flags=re.MULTILINE)[0])
    return [each for each in shown if "second" not in each.words]


def test_the_pods_that_are_waited_for_serve_the_page(admin: Kubectl) -> None:
    assert admin("get", "--raw", PAGE) == "Hello, ConfigWatcher\n"


def test_the_page_changes_as_the_readme_says(reader: Reader, admin: Kubectl) -> None:
    typed = section("README.md", "A changed ConfigMap")
    for block in typed:
        reader.do(block)
    assert sum(len(block.commands) for block in typed) > 6
    assert admin("get", "--raw", PAGE) == "Updated!\n", "the last of them was only told of"


def test_what_the_page_says_to_do_by_hand_is_done(reader: Reader, admin: Kubectl) -> None:
    amended = ("--type=merge", '--patch={"spec": {"dryRun": false, "suspend": false}}')
    admin("patch", "configwatcher", "webapp", *amended)
    admin("wait", "--for=jsonpath={.status.phase}=Watching", "configwatcher/webapp", "--timeout=60s")
    before = admin("get", "configwatcher", "webapp", "--output=jsonpath={.status.lastRestart.startedAt}")
    restart, resume, wait = (
        command
        for block in section("docs/configwatcher.md", "By hand")
        for command in block.text.splitlines()
    )
    for command in (restart, resume):
        assert reader.first.run(command) == 0, reader.first.shown
    reason = "--for=jsonpath={.status.lastRestart.changes[0].kind}=Manual"
    admin("wait", reason, "configwatcher/webapp", "--timeout=60s")
    after = admin("get", "configwatcher", "webapp", "--output=jsonpath={.status.lastRestart.startedAt}")
    assert after > before
    assert reader.first.run(wait) == 0, reader.first.shown
    admin("patch", "configmap", "webapp-config", "--type=merge", '--patch={"data": {"message": "Not yet"}}')
    waits = "--for=jsonpath={.status.pending.waitsFor}=Suspended"
    admin("wait", waits, "configwatcher/webapp", "--timeout=60s")
    admin("patch", "configwatcher", "webapp", *amended)
    admin("wait", "--for=jsonpath={.status.phase}=Watching", "configwatcher/webapp", "--timeout=60s")
    assert admin("get", "--raw", PAGE) == "Not yet\n", "but now"


def test_the_other_ways_to_see_the_page_work_too(admin: Kubectl) -> None:
    seen = admin("exec", "deployment/webapp", "--", "wget", "-qO-", "http://webapp:8080/")
    assert seen == admin("get", "--raw", PAGE)


def test_every_manifest_of_the_page_is_taken(admin: Kubectl) -> None:
    shown = [
        each.text for each in blocks((ROOT / "docs/configwatcher.md").read_text()) if each.language == "yaml"
    ]
    whole = [each for each in shown if each.startswith("apiVersion")]
    assert len(whole) > 1
    parts = [f"{whole[0].split('spec:')[0]}{each}" for each in shown if each not in whole]
    for manifest in (*whole, *parts):
        admin(
            "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--filename=-", input=manifest
        )


def test_the_sample_is_taken_without_a_warning_where_pods_are_restricted(admin: Kubectl) -> None:
    admin("create", "namespace", "strict")
    levels = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]
    admin("label", "namespace", "strict", *levels)
    file = ROOT / "operators/configwatcher/k8s/example-configwatcher.yaml"
    strictly = ("apply", "--server-side", "--validate=strict", "--dry-run=server")
    done = admin.within("strict").run(*strictly, f"--filename={file}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("serverside-applied") == 4
