"""What is rendered, on a real API server: taken strictly, admitted where Pods are restricted, modest."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from rumpf import Rule
from rumpf.manifests import Options, Rendered, from_yaml, render, to_yaml
from rumpf.manifests.people import is_for_people
from rumpf.manifests.rules import in_namespaces
from rumpf.objects import Manifest
from rumpf.project import Project
from rumpf.testing import Kubectl, RunningCluster
from tests.e2e.message.stage import until
from tests.unit.manifests.pod_changes import CHANGES, GOOD
from tests.unit.manifests.texts import TEXTS

ROOT = Path(__file__).parents[2]
STRICTLY = ("apply", "--server-side", "--validate=strict", "--filename=-")
RIGHTS = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}

Rumpf = Callable[..., str]


@pytest.fixture
def rendered(kubectl: Kubectl, namespace: str) -> Rendered:
    """Message as it is installed into the test's own namespace, for that alone; its CRD is there."""
    message = render(Project(ROOT).load("message"), Options(namespace=namespace, watch=[namespace]))
    kubectl(*STRICTLY, input=to_yaml(message.crds))
    names = [f"crd/{crd['metadata']['name']}" for crd in message.crds]
    kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)
    return message


@pytest.fixture
def restricted(kubectl: Kubectl, namespace: str) -> None:
    """Have the test's namespace enforce the restricted Pod Security Standard."""
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")


def pod(name: str, spec: object) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


def try_out(kubectl: Kubectl, manifests: Sequence[Manifest]) -> str:
    """Have the API server look at objects as if they were applied; return all that was said."""
    done = kubectl.run(*STRICTLY, "--dry-run=server", input=to_yaml(manifests))
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_every_object_is_taken_without_an_error_or_a_warning(kubectl: Kubectl, rendered: Rendered) -> None:
    said = try_out(kubectl, (*rendered.deploy, *rendered.samples))
    assert said.count("serverside-applied") == len(rendered.deploy) + len(rendered.samples)
    assert "Warning" not in said


def test_what_watches_all_namespaces_is_taken_too(
    kubectl: Kubectl, rendered: Rendered, namespace: str
) -> None:
    message = Project(ROOT).load("message")
    kinds = {each["kind"] for each in render(message, Options(namespace=namespace)).deploy}
    assert kinds >= {"ClusterRole", "ClusterRoleBinding"}
    assert "Warning" not in try_out(kubectl, render(message, Options(namespace=namespace)).deploy)
    own = render(message).deploy[0]
    assert own["kind"] == "Namespace"
    assert "Warning" not in try_out(kubectl, [own])
    assert rendered.deploy[0]["kind"] == "ServiceAccount"


@pytest.mark.usefixtures("rendered")
def test_who_may_edit_a_namespace_may_have_messages_there_and_who_may_view_it_sees_them(
    kubectl: Kubectl, namespace: str
) -> None:
    message = render(Project(ROOT).load("message"), Options(namespace=namespace))
    roles = [each for each in message.deploy if is_for_people(each)]
    names = [f"clusterrole/{each['metadata']['name']}" for each in roles]
    kubectl(*STRICTLY, input=to_yaml(roles))
    try:
        for role in ("view", "edit"):
            kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}er")
        until(lambda: may(kubectl, "editer", "create", "messages"), "the rights have been added up")
        until(lambda: may(kubectl, "viewer", "list", "messages"), "the rights have been added up")
        assert may(kubectl, "editer", "deletecollection", "messages")
        assert may(kubectl, "editer", "get", "messages/status"), "they see what viewers see"
        assert not may(kubectl, "editer", "patch", "messages/status")
        assert not may(kubectl, "viewer", "create", "messages")
        assert not may(kubectl, "editer", "create", "messages", "--namespace=default"), "not elsewhere"
    finally:
        kubectl("delete", *names)


def may(kubectl: Kubectl, user: str, verb: str, what: str, *more: str) -> bool:
    """Whether a person may do something."""
    resource, _, subresource = what.partition("/")
    options = (f"--as={user}", f"--subresource={subresource}", *more)
    return kubectl.run("auth", "can-i", verb, f"{resource}.myorg.dev", *options).returncode == 0


def test_a_field_that_does_not_exist_would_have_been_noticed(kubectl: Kubectl, rendered: Rendered) -> None:
    deployment = copy.deepcopy(rendered.deploy[-1])
    deployment["spec"]["replica"] = 2
    done = kubectl.run(*STRICTLY, "--dry-run=server", input=to_yaml([deployment]))
    assert done.returncode != 0
    assert "replica" in done.stderr


@pytest.mark.usefixtures("restricted")
def test_the_operators_pod_is_admitted_where_pods_are_restricted(
    kubectl: Kubectl, rendered: Rendered
) -> None:
    kubectl(*STRICTLY, input=to_yaml([each for each in rendered.deploy if each["kind"] in RIGHTS]))
    spec = rendered.deploy[-1]["spec"]["template"]["spec"]
    done = kubectl.run("create", "--dry-run=server", "--filename=-", input=pod("operator", spec))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Warning" not in try_out(kubectl, [rendered.deploy[-1]])


@pytest.mark.usefixtures("restricted")
def test_our_policy_and_admission_think_alike_of_every_pod(kubectl: Kubectl) -> None:
    differ: list[str] = []
    for number, (title, (change, allowed)) in enumerate(CHANGES.items()):
        spec = copy.deepcopy(GOOD)
        change(spec)
        done = kubectl.run("create", "--dry-run=server", "--filename=-", input=pod(f"pod-{number}", spec))
        refused = 'violates PodSecurity "restricted' in done.stderr
        if (done.returncode == 0) is not allowed or refused is allowed:
            differ.append(f"{title}: allowed {allowed}, but: {done.stdout}{done.stderr}")
    assert differ == []


MAY = {
    "create pods",
    "patch pods",
    "watch messages.myorg.dev",
    "patch messages.myorg.dev --subresource=status",
    "create events.events.k8s.io",
    "create leases.coordination.k8s.io",
    "update leases.coordination.k8s.io/message-operator",
}
MAY_NOT = {
    "update leases.coordination.k8s.io/other",
    "update pods",
    "get secrets",
    "patch messages.myorg.dev",
    "delete messages.myorg.dev",
}


def test_the_operator_may_do_what_it_does_there_and_nothing_else_or_elsewhere(
    kubectl: Kubectl, rendered: Rendered
) -> None:
    kubectl(*STRICTLY, input=to_yaml([each for each in rendered.deploy if each["kind"] in RIGHTS]))
    account = f"--as=system:serviceaccount:{kubectl.namespace}:message-operator"

    def allowed(where: Kubectl) -> set[str]:
        answers = {
            what: where.run("auth", "can-i", *what.split(), account).stdout.strip() for what in MAY | MAY_NOT
        }
        assert set(answers.values()) <= {"yes", "no"}
        return {what for what, answer in answers.items() if answer == "yes"}

    assert allowed(kubectl) == MAY
    assert allowed(kubectl.within("default")) == set()


def test_which_of_kubernetes_own_kinds_are_in_namespaces_is_known(kubectl: Kubectl) -> None:
    for namespaced in (True, False):
        listed = kubectl("api-resources", f"--namespaced={str(namespaced).lower()}", "--output=name").split()
        known = [(group, plural) for plural, _, group in (name.partition(".") for name in listed)]
        own = [each for each in known if "." not in each[0] or each[0].endswith(".k8s.io")]
        assert own
        kinds = {(plural, group): in_namespaces(Rule(plural, group, ("get",))) for plural, group in own}
        assert {kind for kind, found in kinds.items() if found is not namespaced} == set()


def test_kubectl_reads_every_text_as_it_was(kubectl: Kubectl) -> None:
    data = {f"text-{number}": text for number, text in enumerate(TEXTS)}
    written = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "texts"}, "data": data}
    read = kubectl("create", "--dry-run=client", "--output=json", "--filename=-", input=to_yaml([written]))
    assert json.loads(read)["data"] == data


@pytest.fixture
def rumpf(tmp_path: Path) -> Rumpf:
    """Run a Python module in an empty folder, as somebody who starts a project there."""

    def run(module: str, *arguments: str, **variables: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_what_a_new_operator_renders_is_installed_and_removed_in_one_go(
    cluster: RunningCluster, rumpf: Rumpf
) -> None:
    everywhere = Kubectl(cluster.kubectl, cluster.kubeconfig)
    rumpf("rumpf", "new", "fresh", "--group", "fresh.example.com")
    text = rumpf("rumpf", "render", "fresh")
    try:
        applied = everywhere("apply", "--validate=strict", "--filename=-", input=text)
        assert applied.count("created") == len(from_yaml(text))
    finally:
        everywhere("delete", "--ignore-not-found", "--timeout=100s", "--filename=-", input=text)
    kinds = "namespaces,clusterroles,clusterrolebindings,customresourcedefinitions"
    assert everywhere("get", kinds, "--selector=rumpf.dev/operator=fresh", "--output=name") == ""


def test_a_new_operator_passes_its_checks_and_all_its_tests(
    kubectl: Kubectl, rumpf: Rumpf, tmp_path: Path
) -> None:
    rumpf("rumpf", "new", "fresh", "--group", "fresh.example.com")
    assert "as they should be" in rumpf("rumpf", "check")
    options = ("-q", "-W", "error", "-p", "no:cacheprovider", "--cluster=existing")
    said = rumpf("pytest", *options, KUBECONFIG=str(kubectl.kubeconfig))
    assert "8 passed" in said
    prefix = ("--prefix", str(tmp_path / "prefix"), "--no-deps", "--no-build-isolation", "--quiet")
    rumpf("pip", "install", "--disable-pip-version-check", *prefix, "--editable", ".")
