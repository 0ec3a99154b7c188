"""The program run by Pulumi's own engine, with its Kubernetes plugin, against an API server.

Both are programs, not Python packages: where they are not on PATH, these tests are skipped and say so.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi import automation

from rumpf.cluster import Cluster, ClusterSpec, up
from rumpf.testing import Kubectl
from tests.infra.fake_kind import FakeKind
from tests.infra.stack import INFRA

OURS = "app.kubernetes.io/managed-by=rumpf"
KINDS = (
    "namespaces,serviceaccounts,clusterroles,clusterrolebindings,roles,rolebindings,services,networkpolicies,"
    "poddisruptionbudgets,deployments"
)
NAME = "message-operator"
CRD = "messages.myorg.dev"
IMAGE = "registry.example/operators"
ONLY_MESSAGE: Mapping[str, str] = {"operators[0]": "message", "image": f"{IMAGE}:1"}


def _missing() -> str:
    if shutil.which("pulumi") is None:
        return "there is no `pulumi` command on PATH"
    if shutil.which("pulumi-resource-kubernetes"):
        return ""
    listed = subprocess.run(
        ["pulumi", "plugin", "ls", "--json"], capture_output=True, text=True, check=False, timeout=60
    )
    plugins = json.loads(listed.stdout) if listed.returncode == 0 else []
    return "" if any(each["name"] == "kubernetes" for each in plugins) else "pulumi has no Kubernetes plugin"


MISSING = _missing()

pytestmark = [pytest.mark.skipif(bool(MISSING), reason=MISSING)]


@pytest.fixture(scope="module")
def place() -> Iterator[Cluster]:
    """A cluster with fake nodes: Pods are Ready at once, and no image is asked for."""
    cluster = up(ClusterSpec(name="test-pulumi", nodes="fake"))
    yield cluster
    cluster.down()


@pytest.fixture
def admin(place: Cluster) -> Kubectl:
    return Kubectl(Path(place.binaries["kubectl"]), place.kubeconfig, "default")


def with_venv_of_the_tests(file: Path) -> None:
    """Have a program of Pulumi's run in the environment that the tests run in, instead of one of its own."""
    settings = yaml.safe_load(file.read_text())
    settings["runtime"]["options"]["virtualenv"] = sys.prefix
    file.write_text(yaml.safe_dump(settings))


class Stack:
    """A stack of the program in a project folder of its own, whose state is in a folder too."""

    def __init__(self, folder: Path, name: str, config: Mapping[str, str]) -> None:
        self.project = folder / "project"
        self.project.mkdir()
        for file in (*INFRA.glob("Pulumi*.yaml"), INFRA / "__main__.py"):
            shutil.copy(file, self.project)
        with_venv_of_the_tests(self.project / "Pulumi.yaml")
        (folder / "state").mkdir()
        self.env = {
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        options = automation.LocalWorkspaceOptions(env_vars=self.env)
        self.stack = automation.create_stack(name, work_dir=str(self.project), opts=options)
        self.set(config)

    def set(self, config: Mapping[str, str]) -> None:
        for key, value in config.items():
            self.stack.set_config(f"rumpf:{key}", automation.ConfigValue(value), path=True)

    def up(self, **options: Any) -> dict[str, int]:  # noqa: ANN401 - the engine's options
        """Update, and return how many resources became what."""
        changes = self.stack.up(**options).summary.resource_changes
        return {str(getattr(key, "value", key)): count for key, count in (changes or {}).items()}

    @property
    def outputs(self) -> dict[str, Any]:
        return {key: each.value for key, each in self.stack.outputs().items()}


@pytest.fixture
def stack(tmp_path: Path, place: Cluster, admin: Kubectl) -> Iterator[Stack]:
    """Message alone, on the cluster; nothing of it is left afterwards."""
    made = Stack(tmp_path, "existing", {**ONLY_MESSAGE, "kubeconfig": str(place.kubeconfig)})
    yield made
    made.stack.destroy()
    admin("delete", "crd", CRD, "--ignore-not-found")


def left(admin: Kubectl) -> list[str]:
    """Return all that is labelled as the operators'."""
    return admin("get", KINDS, f"--selector={OURS}", "--all-namespaces", "--output=name").split()


def deployment(admin: Kubectl) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        admin("get", "deployment", NAME, f"--namespace={NAME}", "--output=json")
    )
    return found


def message(name: str) -> str:
    spec = {"text": "hello"}
    return json.dumps(
        {"apiVersion": "myorg.dev/v1", "kind": "Message", "metadata": {"name": name}, "spec": spec}
    )


def test_up_installs_and_a_second_up_changes_nothing(stack: Stack, admin: Kubectl) -> None:
    first = stack.up()

    assert set(first) == {"create"}
    assert deployment(admin)["status"]["readyReplicas"] == 2
    admin("create", "--filename=-", "--dry-run=server", input=message("one"))
    assert stack.outputs["operators"]["message"]["namespace"] == NAME
    assert set(stack.up()) == {"same"}
    assert set(stack.up(refresh=True)) == {"same"}


def test_a_preview_without_the_cluster_shows_all_that_will_be(stack: Stack, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    nowhere.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "gone",
                "clusters": [{"name": "gone", "cluster": {"server": "https://127.0.0.1:1"}}],
                "contexts": [{"name": "gone", "context": {"cluster": "gone", "user": "gone"}}],
                "users": [{"name": "gone", "user": {}}],
            }
        )
    )
    stack.set({"kubeconfig": str(nowhere)})

    shown = stack.stack.preview().change_summary

    assert {str(getattr(key, "value", key)) for key in shown} == {"create"}


def test_the_number_of_pods_that_somebody_chose_survives(stack: Stack, admin: Kubectl) -> None:
    stack.up()
    admin("scale", f"deployment/{NAME}", f"--namespace={NAME}", "--replicas=5")

    stack.set({"image": f"{IMAGE}:2"})
    assert stack.up()["update"] == 1
    assert stack.up(refresh=True).keys() == {"same"}

    spec = deployment(admin)["spec"]
    assert spec["replicas"] == 5
    assert spec["template"]["spec"]["containers"][0]["image"] == f"{IMAGE}:2"


def test_what_somebody_deleted_is_made_anew_by_a_refresh(stack: Stack, admin: Kubectl) -> None:
    stack.up()
    admin("delete", "deployment", NAME, f"--namespace={NAME}")

    assert stack.up(refresh=True)["create"] == 1
    assert deployment(admin)["status"]["readyReplicas"] == 2


def test_destroy_leaves_crds_and_what_people_made_and_up_takes_them_over(
    stack: Stack, admin: Kubectl
) -> None:
    stack.up()
    admin("create", "--filename=-", input=message("kept"))
    before = admin("get", "message", "kept", "--output=jsonpath={.metadata.uid}")

    stack.stack.destroy()

    assert left(admin) == []
    assert admin("get", "message", "kept", "--output=jsonpath={.metadata.uid}") == before
    # Another version of the CRD, by somebody else: an upgrade has to get past both.
    admin("patch", "crd", CRD, "--type=json", f"--patch={json.dumps(PATCH)}")
    assert "create" in stack.up()
    assert admin("get", "crd", CRD, "--output=jsonpath={.spec.names.shortNames}") == '["msg"]'
    assert admin("get", "message", "kept", "--output=jsonpath={.metadata.uid}") == before


PATCH = [{"op": "replace", "path": "/spec/names/shortNames", "value": ["older"]}]


def test_without_keep_data_destroy_leaves_nothing(stack: Stack, admin: Kubectl) -> None:
    stack.set({"keepData": "false"})
    stack.up()
    admin("create", "--filename=-", input=message("gone"))

    stack.stack.destroy()

    assert left(admin) == []
    assert CRD not in admin("get", "crds", "--output=name")


def test_an_operator_that_watches_some_namespaces_has_rights_in_these_alone(
    stack: Stack, admin: Kubectl
) -> None:
    stack.up()
    assert f"clusterrole.rbac.authorization.k8s.io/{NAME}" in left(admin)

    stack.set({"values.message.watch[0]": "default"})
    stack.up()

    assert f"clusterrole.rbac.authorization.k8s.io/{NAME}" not in left(admin)
    assert admin("get", "role", NAME, "--namespace=default", "--output=name")


def test_an_error_of_the_config_names_the_key_and_shows_no_traceback(stack: Stack) -> None:
    stack.set({"values.message.replica": "2"})

    with pytest.raises(automation.CommandError) as raised:
        stack.stack.preview()

    assert "rumpf:values.message.replica: there is no such key" in str(raised.value)
    assert "Traceback" not in str(raised.value)


def test_the_policies_see_what_is_registered(stack: Stack, tmp_path: Path) -> None:
    pack = tmp_path / "policy"
    shutil.copytree(INFRA / "policy", pack, ignore=shutil.ignore_patterns(".venv"))
    with_venv_of_the_tests(pack / "PulumiPolicy.yaml")

    told = stack.stack.preview(policy_packs=[str(pack)]).stdout

    assert "images-pinned" in told
    assert "mandatory" not in told


THEIRS = """
import os, pulumi

class Distribution(pulumi.ComponentResource):
    installed: pulumi.Output[dict]

    def __init__(self, name, props):
        super().__init__("rumpf:index:Distribution", name, {**props, "installed": None}, remote=True)

values = {"message": {"replicas": 1, "resources": {"memoryLimit": "300Mi"}}}
kubeconfig = open(os.environ["THEIR_KUBECONFIG"]).read()
theirs = Distribution(
    "theirs", {"operators": ["message"], "values": values, "keepData": False, "kubeconfig": kubeconfig}
)
pulumi.export("installed", theirs.installed)
"""


def test_a_program_that_knows_only_the_package_installs_the_operators(
    tmp_path: Path, place: Cluster, admin: Kubectl
) -> None:
    package, project = tmp_path / "component", tmp_path / "project"
    shutil.copytree(INFRA / "component", package, ignore=shutil.ignore_patterns(".venv"))
    with_venv_of_the_tests(package / "PulumiPlugin.yaml")
    for folder in (project, tmp_path / "state"):
        folder.mkdir()
    (project / "__main__.py").write_text(THEIRS)
    settings = {
        "name": "theirs",
        "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}},
        "plugins": {"providers": [{"name": "rumpf", "path": str(package)}]},
    }
    (project / "Pulumi.yaml").write_text(yaml.safe_dump(settings))
    env = {
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "THEIR_KUBECONFIG": str(place.kubeconfig),
    }
    theirs = automation.create_stack(
        "dev", work_dir=str(project), opts=automation.LocalWorkspaceOptions(env_vars=env)
    )
    try:
        outputs = theirs.up().outputs
        container = deployment(admin)["spec"]["template"]["spec"]["containers"][0]

        assert deployment(admin)["status"]["readyReplicas"] == 1
        assert container["resources"]["limits"] == {"memory": "300Mi"}
        assert outputs["installed"].value["message"]["namespace"] == NAME
    finally:
        theirs.destroy()
    assert left(admin) == []
    assert CRD not in admin("get", "crds", "--output=name")


PROTECTED = """
import os, pulumi
from pulumi import dynamic
from infra.distribution import Distribution
from infra.guard import Guard

class Provider(dynamic.ResourceProvider):
    def create(self, props):
        return dynamic.CreateResult("one", props)

class Made(dynamic.Resource):
    def __init__(self, name, opts):
        super().__init__(Provider(), name, {}, opts)

protect = pulumi.Config().require_bool("protect")
kubeconfig = open(os.environ["THEIR_KUBECONFIG"]).read()
cluster = Made("cluster", pulumi.ResourceOptions(protect=protect))
operators = Distribution(
    "rumpf",
    {"operators": ["message"], "keep_data": False, "kubeconfig": kubeconfig},
    pulumi.ResourceOptions(depends_on=[cluster], deleted_with=cluster),
)
Guard([operators], protect=protect)
"""


def test_a_destroy_of_a_cluster_that_is_protected_forgets_nothing_though_nobody_saw_a_preview(
    tmp_path: Path, place: Cluster, admin: Kubectl
) -> None:
    project, state = tmp_path / "project", tmp_path / "state"
    project.mkdir()
    state.mkdir()
    (project / "__main__.py").write_text(PROTECTED)
    settings = {"name": "guarded", "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}}}
    (project / "Pulumi.yaml").write_text(yaml.safe_dump(settings))
    env = {
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "THEIR_KUBECONFIG": str(place.kubeconfig),
        "PYTHONPATH": str(INFRA.parent),
    }
    options = automation.LocalWorkspaceOptions(env_vars=env)
    stack = automation.create_stack("dev", work_dir=str(project), opts=options)
    stack.set_config("protect", automation.ConfigValue("true"))
    try:
        stack.up()
        before = known(stack)

        for anyhow in (False, True):
            with pytest.raises(automation.CommandError, match="cannot be deleted"):
                stack.destroy(continue_on_error=anyhow)

        assert known(stack) == before
        assert deployment(admin)["status"]["readyReplicas"] == 2
        stack.set_config("protect", automation.ConfigValue("false"))
        stack.up()
        stack.destroy()
        assert known(stack) == set()
    finally:
        # For the engine they went with their cluster.
        admin("delete", "namespace,clusterrole,clusterrolebinding,crd", f"--selector={OURS}")


def known(stack: automation.Stack) -> set[str]:
    """Return what the state of a stack has."""
    state = stack.export_stack().deployment or {}
    return {each["urn"] for each in state.get("resources", []) if each["type"] != "pulumi:pulumi:Stack"}


@pytest.fixture
def kind(tmp_path: Path, place: Cluster, monkeypatch: pytest.MonkeyPatch) -> FakeKind:
    """A `kind` whose clusters are all the one that is there."""
    (tmp_path / "kind").mkdir()
    fake = FakeKind.on_path(tmp_path / "kind")
    fake.stands_for(place.kubeconfig)
    monkeypatch.setenv("PATH", os.pathsep.join((str(fake.bin), os.environ["PATH"])))
    return fake


@pytest.fixture
def on_kind(tmp_path: Path, kind: FakeKind, admin: Kubectl) -> Iterator[Stack]:
    assert kind.clusters == []
    made = Stack(tmp_path, "kind", {**ONLY_MESSAGE, "kind.name": "tried"})
    made.stack.remove_config("rumpf:kind.archive", path=True)
    yield made
    made.stack.destroy()
    admin(
        "delete", "namespace,clusterrole,clusterrolebinding,crd", f"--selector={OURS}", "--ignore-not-found"
    )


def test_a_kind_cluster_is_made_then_operators_and_the_second_up_changes_nothing(
    on_kind: Stack, kind: FakeKind, admin: Kubectl
) -> None:
    on_kind.stack.preview()
    assert kind.clusters == []

    on_kind.up()

    assert kind.clusters == ["tried"]
    assert deployment(admin)["status"]["readyReplicas"] == 2
    assert set(on_kind.up()) == {"same"}
    on_kind.stack.destroy()
    assert kind.clusters == []


def test_a_preview_says_which_change_needs_another_kind_cluster(on_kind: Stack) -> None:
    on_kind.up()

    on_kind.set({"kind.wait": "99"})
    assert set(changes(on_kind)) == {"same"}
    on_kind.set({"kind.workers": "2"})
    assert changes(on_kind)["replace"] >= 1


def changes(stack: Stack) -> dict[str, int]:
    summary = stack.stack.preview().change_summary
    return {str(getattr(key, "value", key)): count for key, count in summary.items()}


def test_a_kind_cluster_that_somebody_deleted_is_made_anew_by_a_refresh(
    on_kind: Stack, kind: FakeKind, admin: Kubectl
) -> None:
    on_kind.up()
    kind.remove("tried")
    # With its cluster, all that was on it went.
    admin("delete", "namespace,clusterrole,clusterrolebinding,crd", f"--selector={OURS}")

    on_kind.up(refresh=True)

    assert kind.clusters == ["tried"]
    assert deployment(admin)["status"]["readyReplicas"] == 2
