"""Operators run from here: as who they are in the cluster, with exactly their rights, beside nobody."""

import json
import os
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from rumpf.cluster import Cluster, ClusterSpec, clusters, up
from rumpf.testing import Kubectl, RunningCluster
from tests.e2e.gadget import GADGET, Project

HOME = "gadget-operator"
_EVERY = 0.1


class Running:
    """`rumpf run` or `rumpf up`, and what it says."""

    def __init__(self, project: Project, *arguments: str, **environment: str) -> None:
        self.said = ""
        self.process = subprocess.Popen(
            project.command(*arguments),
            cwd=project.root,
            env=project.environment(**environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def says(self, text: str, seconds: float = 60) -> None:
        """Wait until it says something."""
        until(lambda: text in self.said or self.process.poll() is not None, f"it says {text!r}", seconds)
        assert text in self.said, self.said

    def end(self, number: int = signal.SIGINT) -> int:
        """Send it a signal, and return its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=10)
        return code

    def children(self) -> list[int]:
        """Return its child processes."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(each) for each in path.read_text().split()]

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said += line

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(timeout=10)
        assert self.process.stderr is not None
        self.process.stderr.close()


@pytest.fixture(scope="module")
def place() -> Iterator[Cluster]:
    """A cluster with fake nodes: ConfigMaps need no others."""
    cluster = up(ClusterSpec(name="test-run", nodes="fake"))
    yield cluster
    cluster.down()


@pytest.fixture
def admin(place: Cluster) -> Kubectl:
    return Kubectl(Path(place.binaries["kubectl"]), place.kubeconfig, "default")


@pytest.fixture
def project(place: Cluster, tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path, place.kubeconfig)
    made.write()
    yield made
    done = made.run("uninstall", "gadget", "--crds", "--yes", "--abandon")
    assert done.returncode == 0, done.stderr


def until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    last = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < last, f"not within {seconds:g} s: {what}"
        time.sleep(_EVERY)


def create(admin: Kubectl, name: str, word: str = "hello") -> None:
    manifest = {
        "apiVersion": "gadgets.test/v1",
        "kind": "Gadget",
        "metadata": {"name": name},
        "spec": {"word": word},
    }
    admin("create", "--filename=-", input=json.dumps(manifest))


def word_of(admin: Kubectl, name: str) -> str:
    return admin.run("get", "configmap", f"gadget-{name}", "--output=jsonpath={.data.word}").stdout


def test_message_is_created_changed_and_deleted_by_an_operator_run_from_here(
    cluster: RunningCluster, kubectl: Kubectl, namespace: str
) -> None:
    project = Project(Path(__file__).parents[2], cluster.kubeconfig)
    with Running(project, "run", "message", f"--watch={namespace}") as running:
        running.says("leading as")
        message = {
            "apiVersion": "myorg.dev/v1",
            "kind": "Message",
            "metadata": {"name": "hello-msg"},
            "spec": {"text": "first"},
        }
        kubectl("create", "--filename=-", input=json.dumps(message))
        kubectl("wait", "--for=condition=Ready", "message/hello-msg", "--timeout=60s")
        pod = "--output=jsonpath={.spec.containers[0].env[0].value}"
        assert kubectl("get", "pod", "msg-hello-msg", pod) == "first"
        kubectl("patch", "message", "hello-msg", "--type=merge", '--patch={"spec":{"text":"second"}}')
        until(lambda: kubectl.run("get", "pod", "msg-hello-msg", pod).stdout == "second", "the text is new")
        kubectl("wait", "--for=condition=Ready", "message/hello-msg", "--timeout=60s")
        kubectl("delete", "message", "hello-msg")
        until(lambda: kubectl("get", "pods", "--output=name") == "", "the Pod is gone")
        assert running.end() == 0
    assert "orbidden" not in running.said
    project("uninstall", "message")


def test_a_person_sees_who_it_is_and_where(project: Project, place: Cluster) -> None:
    with Running(project, "run", "gadget") as running:
        running.says("leading as")
        assert f"gadget: on rumpf-test-run ({place.url})" in running.said
        assert f"as system:serviceaccount:{HOME}:{HOME}, and watches all namespaces" in running.said
        assert "metrics and probes at http://127.0.0.1:" in running.said
        assert running.end(signal.SIGTERM) == 0
    assert "rumpf uninstall gadget removes them" in running.said


def test_what_its_rights_do_not_cover_fails_here_as_it_would_there(project: Project, admin: Kubectl) -> None:
    with Running(project, "run", "gadget") as running:
        running.says("leading as")
        rules = [
            {"apiGroups": ["gadgets.test"], "resources": ["gadgets"], "verbs": ["list", "watch"]},
            {"apiGroups": ["gadgets.test"], "resources": ["gadgets/status"], "verbs": ["patch"]},
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "watch"]},
        ]
        admin("patch", "clusterrole", HOME, "--type=merge", f"--patch={json.dumps({'rules': rules})}")
        create(admin, "refused")
        running.says(f'User "system:serviceaccount:{HOME}:{HOME}" cannot')
        assert word_of(admin, "refused") == ""
        running.end()


def test_its_kubeconfig_is_its_own_readable_by_nobody_else_and_gone_at_the_end(
    project: Project, place: Cluster, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with Running(project, "run", "gadget", TMPDIR=str(scratch)) as running:
        running.says("leading as")
        (folder,) = scratch.glob("rumpf-run-*")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o600}
        config = json.loads((folder / "kubeconfig").read_text())
        assert config["users"][0]["user"].keys() == {"token", "tokenFile"}
        assert json.loads(place.kubeconfig.read_text())["users"][0]["user"].keys() == {
            "client-certificate-data",
            "client-key-data",
        }
        running.end()
    assert list(scratch.iterdir()) == []


def test_it_ends_with_whoever_started_it_even_if_that_is_killed(project: Project, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with Running(project, "run", "gadget", TMPDIR=str(scratch)) as running:
        running.says("leading as")
        (child,) = running.children()
        running.end(signal.SIGKILL)
        until(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child), "the operator has ended")
    assert list(scratch.iterdir()) == []


def _is_zombie(pid: int) -> bool:
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def test_the_operators_exit_code_is_passed_on(project: Project) -> None:
    with Running(project, "run", "gadget") as running:
        running.says("leading as")
        (child,) = running.children()
        os.kill(child, signal.SIGKILL)
        assert running.process.wait(timeout=60) == 137
    broken = project.root / "operators/gadget/__init__.py"
    broken.write_text(broken.read_text() + "\nraise RuntimeError('no')\n")
    assert project.run("run", "gadget").returncode == 1


def test_one_that_runs_in_the_cluster_is_not_joined_but_can_be_taken_over_from(
    project: Project, admin: Kubectl
) -> None:
    project("install", "gadget")
    done = project.run("run", "gadget")
    assert done.returncode == 9
    assert f"Deployment {HOME}/{HOME}: it runs in the cluster already (2 replicas)" in done.stderr
    replicas = ("get", "deployment", HOME, "--output=jsonpath={.spec.replicas}")
    here = admin.within(HOME)
    with Running(project, "run", "gadget", "--take-over") as running:
        running.says("leading as")
        assert here(*replicas) == "0"
        create(admin, "taken")
        until(lambda: word_of(admin, "taken") == "hello", "it is at work")
        running.end()
    assert here(*replicas) == "2"
    (done_again,) = project.json("install", "gadget")
    assert {each["outcome"] for each in done_again["changes"]} == {"unchanged"}


def test_two_that_are_run_never_work_at_once(project: Project) -> None:
    with Running(project, "run", "gadget") as first:
        first.says("leading as")
        with Running(project, "run", "gadget") as second:
            second.says("everything is listed")
            assert "leading as" not in second.said
            first.end()
            second.says("leading as")
            second.end()


def test_a_setting_reaches_it(project: Project, admin: Kubectl) -> None:
    with Running(project, "run", "gadget", "--set=GADGET_MOOD=merry") as running:
        running.says("leading as")
        create(admin, "set")
        message = "--output=jsonpath={.status.conditions[0].message}"
        until(lambda: admin("get", "gadget", "set", message) == "merry hello", "the setting is used")
        running.end()


def test_a_changed_source_starts_it_anew_with_reload(project: Project, admin: Kubectl) -> None:
    source = project.root / "operators/gadget/operator.py"
    with Running(project, "run", "gadget", "--reload") as running:
        running.says("leading as")
        right = source.read_text()
        source.write_text("this is not Python")
        running.says("waiting for a change")
        source.write_text(right.replace('{"word": gadget.spec.word}', '{"word": "reloaded"}'))
        create(admin, "new")
        until(lambda: word_of(admin, "new") == "reloaded", "the new source is at work")
        running.end()


def test_up_shows_the_sample_ready_and_leaves_nothing(project: Project) -> None:
    (found,) = [project.json("up", "--once", "--name=test-up", "--nodes=fake")]
    assert found["seconds"] > 0
    (row,) = found["rows"]
    assert (row["kind"], row["namespace"], row["name"]) == ("Gadget", "default", "sample")
    assert (row["ready"], row["reason"], row["message"]) == ("True", "Written", "calm sample")
    assert "test-up" not in {each.name for each in clusters()}


def test_up_on_a_cluster_that_is_there_ends_the_operators_alone(project: Project, admin: Kubectl) -> None:
    with Running(project, "up", "--name=test-run") as running:
        running.says("the sample is Ready")
        assert "using the cluster test-run, which is up already" in running.said
        create(admin, "shown")
        running.says("Gadget default/shown: Ready Written")
        admin("delete", "gadget", "shown")
        running.says("Gadget default/shown: deleted")
        assert running.end() == 0
    create(admin, "ignored")
    assert admin("get", "gadgets", "--output=name").split() == [
        "gadget.gadgets.test/ignored",
        "gadget.gadgets.test/sample",
    ]
    assert word_of(admin, "ignored") == ""


def test_a_sample_that_somebody_changed_stays_so(project: Project, admin: Kubectl) -> None:
    project("up", "--once", "--name=test-run")
    admin("patch", "gadget", "sample", "--type=merge", '--patch={"spec":{"word":"mine"}}')
    (row,) = project.json("up", "--once", "--name=test-run")["rows"]
    assert row["message"] == "calm mine"


BESIDE = """
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "beside"}, "data": {"word": "new"}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "beside"},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": {"app": "beside"}},
                "template": {
                    "metadata": {"labels": {"app": "beside"}},
                    "spec": {"containers": [{"name": "one", "image": "registry.test/one:1"}]},
                },
            },
        },
"""


def test_up_makes_what_a_sample_needs_beside_it_and_waits_until_that_is_at_work(
    project: Project, admin: Kubectl
) -> None:
    project.write(GADGET.replace("samples=[", f"samples=[{BESIDE}"))
    try:
        said = project("up", "--once", "--name=test-run")
        assert "sample: created    Deployment default/beside" in said
        assert admin("get", "deployment", "beside", "--output=jsonpath={.status.availableReplicas}") == "2"
        admin("patch", "configmap", "beside", "--type=merge", '--patch={"data":{"word":"mine"}}')
        assert "sample: unchanged  ConfigMap default/beside" in project("up", "--once", "--name=test-run")
        assert admin("get", "configmap", "beside", "--output=jsonpath={.data.word}") == "mine"
    finally:
        admin("delete", "configmap,deployment", "beside", "--ignore-not-found")


def test_up_says_which_of_the_samples_pods_are_not_there(project: Project, admin: Kubectl) -> None:
    nowhere = '"spec": {"nodeSelector": {"no": "where"}, "containers": ['
    project.write(
        GADGET.replace("samples=[", f"samples=[{BESIDE}".replace('"spec": {"containers": [', nowhere))
    )
    try:
        done = project.run("up", "--once", "--timeout=30", "--name=test-run")
        assert done.returncode == 9
        assert "s: default/beside" in done.stderr
    finally:
        admin("delete", "configmap,deployment", "beside", "--ignore-not-found")


def test_up_in_cluster_installs_the_operators(project: Project, admin: Kubectl) -> None:
    with Running(project, "up", "--name=test-run", "--in-cluster") as running:
        running.says("sample: created    Gadget default/sample")
        assert "2/2" in admin.within(HOME)("get", "deployments")
        running.end()


def test_up_says_what_is_wrong_with_an_operator_that_ends(project: Project) -> None:
    broken = project.root / "operators/gadget/__init__.py"
    broken.write_text(broken.read_text() + "\nraise RuntimeError('it is broken')\n")
    done = project.run("up", "--once", "--name=test-run")
    assert done.returncode == 9
    assert "RuntimeError: it is broken" in done.stderr
    assert "gadget ended" in done.stderr


def test_an_interrupt_while_the_cluster_comes_up_leaves_nothing(project: Project) -> None:
    with Running(project, "up", "--name=test-up", "--nodes=fake") as running:
        until(lambda: "test-up" in {each.name for each in clusters()}, "it comes up")
        assert running.end() in {0, 130}
    until(lambda: "test-up" not in {each.name for each in clusters()}, "it is gone")
