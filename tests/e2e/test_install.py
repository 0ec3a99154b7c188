"""Installing operators and taking them away again, as a person with `rumpf` and `kubectl` sees it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rumpf.cluster import Cluster, ClusterSpec, up
from rumpf.testing import Kubectl, RunningCluster
from tests.e2e.gadget import Project, everything, versions

OURS = "rumpf.dev/operator=gadget"
KINDS = (
    "crds,namespaces,serviceaccounts,clusterroles,clusterrolebindings,roles,rolebindings,services,"
    "networkpolicies,poddisruptionbudgets"
)
NAME = "gadget-operator"
OWN = NAME
"""Its own namespace, which takes seconds to go."""
ROOM = "room"
IN_ROOM = f"--namespace={ROOM}"
"""A namespace that stays: for all that is not about its own."""


@pytest.fixture(scope="module")
def place() -> Iterator[Cluster]:
    """A cluster with fake nodes: Pods are Ready at once, and no image is asked for."""
    cluster = up(ClusterSpec(name="test-install", nodes="fake"))
    Kubectl(Path(cluster.binaries["kubectl"]), cluster.kubeconfig)("create", "namespace", ROOM)
    yield cluster
    cluster.down()


@pytest.fixture
def admin(place: Cluster) -> Kubectl:
    return Kubectl(Path(place.binaries["kubectl"]), place.kubeconfig, "default")


@pytest.fixture
def project(place: Cluster, tmp_path: Path) -> Iterator[Project]:
    """The gadget operator's project; nothing of it is in the cluster before and after."""
    made = Project(tmp_path, place.kubeconfig)
    made.write()
    yield made
    done = made.run("uninstall", "gadget", "--crds", "--yes", "--abandon")
    assert done.returncode == 0, done.stderr


def gadget(name: str, **metadata: object) -> str:
    return json.dumps(
        {"apiVersion": "gadgets.test/v1", "kind": "Gadget", "metadata": {"name": name, **metadata}}
    )


def test_all_that_is_rendered_is_there_once_install_returns(project: Project, admin: Kubectl) -> None:
    (done,) = project.json("install", "gadget")
    assert done["namespace"] == OWN
    assert {each["outcome"] for each in done["changes"]} == {"created"}
    rendered = yaml.safe_load_all(project.run("render", "gadget").stdout)
    wanted = {f"{each['kind']} {each['metadata']['name']}" for each in rendered}
    there = versions(admin, f"{KINDS},deployments", OURS)
    assert there.keys() == wanted
    deployment = json.loads(admin("get", "deployment", OWN, f"--namespace={OWN}", "--output=json"))
    assert deployment["status"]["readyReplicas"] == 2
    assert "crds" in KINDS
    admin("create", "--filename=-", input=gadget("one"))


def test_installing_twice_changes_nothing(project: Project, admin: Kubectl) -> None:
    project("install", "gadget", IN_ROOM)
    before = versions(admin, f"{KINDS},deployments", OURS)
    (done,) = project.json("install", "gadget", IN_ROOM)
    assert {each["outcome"] for each in done["changes"]} == {"unchanged"}
    assert versions(admin, f"{KINDS},deployments", OURS) == before


def test_a_dry_run_says_what_would_change_and_changes_nothing(project: Project, admin: Kubectl) -> None:
    nothing = everything(admin)
    assert "created    Deployment gadget-operator/gadget-operator" in project(
        "install", "gadget", "--dry-run"
    )
    assert everything(admin) == nothing
    project("install", "gadget")
    before = versions(admin, f"{KINDS},deployments", OURS)
    said = project("install", "gadget", "--dry-run", "--watch=default")
    assert "created    Role default/gadget-operator" in said
    assert "deleted    ClusterRole gadget-operator" in said
    assert "changed    Deployment" in said
    assert versions(admin, f"{KINDS},deployments", OURS) == before


def test_what_a_newer_version_no_longer_has_is_removed(project: Project, admin: Kubectl) -> None:
    project("install", "gadget", IN_ROOM)
    said = project("install", "gadget", IN_ROOM, "--watch=default", "--replicas=1")
    there = versions(admin, f"{KINDS},deployments", OURS)
    assert "ClusterRole gadget-operator" not in there
    assert "ClusterRoleBinding gadget-operator" not in there
    assert "PodDisruptionBudget gadget-operator" not in there
    assert "Role gadget-operator" in there
    assert "deleted    ClusterRole gadget-operator" in said


def test_crds_are_never_pruned(project: Project, admin: Kubectl) -> None:
    project("install", "gadget", IN_ROOM)
    admin("label", "crd", "gadgets.gadgets.test", "kept=yes")
    admin("create", "--filename=-", input=gadget("mine"))
    project("install", "gadget", IN_ROOM, "--replicas=1")
    assert admin("get", "gadgets", "--output=name") == "gadget.gadgets.test/mine\n"


def test_an_operator_can_move_to_another_namespace(project: Project, admin: Kubectl) -> None:
    project("install", "gadget")
    admin("create", "namespace", "elsewhere")
    project("install", "gadget", "--namespace=elsewhere")
    there = versions(admin, f"{KINDS},deployments", OURS)
    assert f"Namespace {OWN}" not in there
    assert admin("get", "deployments", "--all-namespaces", f"--selector={OURS}", "--no-headers").split()[
        :2
    ] == [
        "elsewhere",
        OWN,
    ]
    project("uninstall", "gadget")
    assert "Active" in admin("get", "namespace", "elsewhere")
    admin("delete", "namespace", "elsewhere")


def test_fields_that_others_own_survive(project: Project, admin: Kubectl) -> None:
    project("install", "gadget", IN_ROOM)
    here = admin.within(ROOM)
    here("annotate", "deployment", NAME, "team=blue")
    here("scale", "deployment", NAME, "--replicas=3")
    here("label", "serviceaccount", NAME, "team=blue")
    project("install", "gadget", IN_ROOM, "--set=GADGET_MOOD=merry")
    deployment = json.loads(here("get", "deployment", NAME, "--output=json"))
    assert deployment["metadata"]["annotations"]["team"] == "blue"
    assert deployment["spec"]["replicas"] == 3
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert {"name": "GADGET_MOOD", "value": "merry"} in container["env"]
    assert "blue" in here("get", "serviceaccount", NAME, "--show-labels")
    project("install", "gadget", IN_ROOM, "--replicas=1")
    assert json.loads(here("get", "deployment", NAME, "--output=json"))["spec"]["replicas"] == 1


def test_what_is_somebody_elses_is_refused_unless_it_is_adopted(project: Project, admin: Kubectl) -> None:
    admin("create", "clusterrole", "gadget-operator", "--verb=get", "--resource=pods")
    done = project.run("install", "gadget", IN_ROOM)
    assert done.returncode == 9
    assert "ClusterRole gadget-operator: it is there already, and is somebody else's" in done.stderr
    assert "--adopt" in done.stderr
    project("install", "gadget", IN_ROOM, "--adopt")


def test_a_namespace_that_was_there_is_not_made_ours(project: Project, admin: Kubectl) -> None:
    admin("create", "namespace", OWN)
    done = project.run("install", "gadget")
    assert done.returncode == 9
    assert f"--namespace {OWN} uses it" in done.stderr
    project("install", "gadget", f"--namespace={OWN}")
    project("uninstall", "gadget")
    assert "Active" in admin("get", "namespace", OWN)
    admin("delete", "namespace", OWN)


@pytest.mark.parametrize("half", ["all of it", "half of it"])
def test_uninstall_leaves_nothing(project: Project, admin: Kubectl, half: str) -> None:
    before = everything(admin)
    project("install", "gadget")
    admin("create", "--filename=-", input=gadget("mine"))
    if half == "half of it":
        admin.within(OWN)("delete", "deployment,serviceaccount,rolebinding", OWN, "--ignore-not-found")
        admin("delete", "clusterrole", OWN)
    project("uninstall", "gadget", "--crds", "--yes")
    assert everything(admin) == before


def test_uninstall_keeps_what_people_made_unless_they_say_otherwise(project: Project, admin: Kubectl) -> None:
    project("install", "gadget", IN_ROOM)
    admin("create", "--filename=-", input=gadget("mine"))
    said = project("uninstall", "gadget")
    assert "the CRD gadgets.gadgets.test stays, with 1 object;" in said
    assert admin("get", "gadgets", "--output=name") == "gadget.gadgets.test/mine\n"
    done = project.run("uninstall", "gadget", "--crds")
    assert done.returncode == 2
    assert "1 gadgets.gadgets.test would be deleted with the CRDs" in done.stderr
    assert admin("get", "gadgets", "--output=name") == "gadget.gadgets.test/mine\n"
    said = project("uninstall", "gadget", "--crds", "--yes")
    assert "gadget: deleting 1 gadgets.gadgets.test with the CRDs" in said
    assert admin.run("get", "gadgets").returncode != 0


def test_uninstalling_what_is_not_there_is_done(project: Project) -> None:
    assert "nothing of it is on" in project("uninstall", "gadget")


def test_a_namespace_in_which_others_live_is_kept(project: Project, admin: Kubectl) -> None:
    project("install", "gadget")
    here = admin.within(OWN)
    here("create", "configmap", "precious")
    assert "others live in it: ConfigMap precious" in project("uninstall", "gadget")
    assert "precious" in here("get", "configmaps")
    here("delete", "configmap", "precious")
    project("uninstall", "gadget")
    assert OWN not in admin("get", "namespaces")


def test_objects_whose_finalizer_nobody_takes_away_are_named_and_can_be_abandoned(
    project: Project, admin: Kubectl
) -> None:
    project("install", "gadget", IN_ROOM)
    admin("create", "--filename=-", input=gadget("held", finalizers=["gadgets.test/gadgets"]))
    done = project.run("uninstall", "gadget", "--crds", "--yes")
    assert done.returncode == 9
    assert "Gadget default/held" in done.stderr
    assert "--abandon" in done.stderr
    assert "abandoned" in project("uninstall", "gadget", "--crds", "--yes", "--abandon")
    assert "gadgets.gadgets.test" not in admin("get", "crds")


def test_a_namespace_that_is_being_deleted_is_refused_by_name(project: Project, admin: Kubectl) -> None:
    admin("create", "namespace", "leaving")
    held = admin.within("leaving")
    held("create", "configmap", "holds")
    held("patch", "configmap", "holds", "--type=merge", '--patch={"metadata":{"finalizers":["test/holds"]}}')
    admin("delete", "namespace", "leaving", "--wait=false")
    done = project.run("install", "gadget", "--namespace=leaving")
    held("patch", "configmap", "holds", "--type=merge", '--patch={"metadata":{"finalizers":null}}')
    assert done.returncode == 9
    assert "namespace leaving: it is being deleted" in done.stderr
    assert (
        project.run("install", "gadget", "--namespace=absent").stderr.count("there is no such namespace") == 1
    )


def test_its_own_namespace_may_still_be_on_its_way_out(project: Project, admin: Kubectl) -> None:
    project("install", "gadget")
    here = admin.within(OWN)
    here("create", "configmap", "holds")
    here("patch", "configmap", "holds", "--type=merge", '--patch={"metadata":{"finalizers":["test/holds"]}}')
    admin("delete", "namespace", OWN, "--wait=false")
    admin("wait", "--for=condition=NamespaceFinalizersRemaining", f"namespace/{OWN}", "--timeout=60s")
    done = project.run("install", "gadget", "--timeout=3")
    assert done.returncode == 9
    assert "still being deleted after 3 s" in done.stderr
    assert "test/holds" in done.stderr
    with subprocess.Popen(
        project.command("install", "gadget"),
        cwd=project.root,
        env=project.environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        here("patch", "configmap", "holds", "--type=merge", '--patch={"metadata":{"finalizers":null}}')
        _, said = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, said


def test_whoever_may_not_is_told_what_and_changes_nothing(
    project: Project, admin: Kubectl, tmp_path: Path
) -> None:
    admin("create", "serviceaccount", "nobody")
    token = admin("create", "token", "nobody").strip()
    config = json.loads(project.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    kubeconfig = tmp_path / "nobody"
    kubeconfig.write_text(json.dumps(config))
    done = project.run("install", "gadget", environment={"KUBECONFIG": str(kubeconfig)})
    assert done.returncode == 9
    assert "CustomResourceDefinition gadgets.gadgets.test" in done.stderr
    assert "system:serviceaccount:default:nobody" in done.stderr
    assert "-> ask as somebody who may" in done.stderr
    assert versions(admin, f"{KINDS},deployments", OURS) == {}
    refused = project.run("uninstall", "gadget", environment={"KUBECONFIG": str(kubeconfig)})
    assert refused.returncode == 9
    assert "cannot be listed" in refused.stderr


def test_an_object_that_breaks_a_policy_is_named(project: Project, admin: Kubectl) -> None:
    admin("create", "namespace", "small")
    admin.within("small")("create", "quota", "none", "--hard=count/deployments.apps=0")
    done = project.run("install", "gadget", "--namespace=small")
    assert done.returncode == 9
    assert "Deployment small/gadget-operator: it cannot be applied" in done.stderr
    assert "exceeded quota" in done.stderr
    project("uninstall", "gadget")
    admin("delete", "namespace", "small")


def test_status_tells_of_what_is_installed(project: Project, admin: Kubectl) -> None:
    assert project.json("status") == []
    project("install", "gadget", IN_ROOM)
    admin("create", "--filename=-", input=gadget("mine"))
    (found,) = project.json("status")
    assert (found["operator"], found["namespace"], found["ready"], found["replicas"]) == (
        "gadget",
        ROOM,
        2,
        2,
    )
    assert found["kinds"] == [{"kind": "gadgets.gadgets.test", "total": 1, "ready": 0, "not_ready": 0}]
    assert found["leader"]["holder"] == ""
    assert "gadgets.gadgets.test" in project.run("status").stdout
    (same,) = project.json("status", "gadget")
    assert same["operator"] == "gadget"
    nobody = project.run("status", "gadget", "widget")
    assert nobody.returncode == 9
    assert "widget: it was neither installed nor run here\n  -> this is here: gadget" in nobody.stderr


@pytest.mark.nodes("real")
def test_an_operator_installed_from_its_image_leads_and_does_its_work(
    cluster: RunningCluster, kubectl: Kubectl, tmp_path: Path
) -> None:
    if not any(shutil.which(engine) for engine in ("docker", "podman", "buildah")):
        pytest.skip("no engine builds images here")
    repository = Path(__file__).parents[2]
    shutil.copytree(repository / "operators", tmp_path / "operators")
    project = Project(tmp_path, cluster.kubeconfig)
    into = f"--into={tmp_path / 'dist/images'}"
    project("image", "build", "operators", f"--images={repository / 'images'}", into)
    (done,) = project.json("install", "message")
    try:
        assert done["leader"].startswith("message-operator-")
        sample = repository / "operators/message/k8s/example-message.yaml"
        kubectl("apply", f"--filename={sample}")
        kubectl("wait", "--for=condition=Ready", "message/hello-msg", "--timeout=60s")
        found = next(each for each in project.json("status") if each["operator"] == "message")
        assert found["leader"]["alive"]
        assert found["kinds"][0]["ready"] == 1
        assert {each["outcome"] for each in project.json("install", "message")[0]["changes"]} == {"unchanged"}
    finally:
        kubectl("delete", "messages", "--all")
        project("uninstall", "message", "--crds", "--yes")


@pytest.mark.nodes("real")
def test_an_image_that_cannot_be_had_is_told_in_the_pods_own_words(
    cluster: RunningCluster, tmp_path: Path
) -> None:
    config = json.loads(cluster.kubeconfig.read_text())
    # As any other cluster: rumpf's own would be asked to fetch the image first.
    config["contexts"][0]["name"] = config["current-context"] = "another"
    kubeconfig = tmp_path / "another"
    kubeconfig.write_text(json.dumps(config))
    project = Project(tmp_path, kubeconfig)
    project.write()
    try:
        done = project.run("install", "gadget", "--image=registry.invalid/none:1")
        assert done.returncode == 9
        assert "Deployment gadget-operator/gadget-operator: Pod gadget-operator-" in done.stderr
        assert "registry.invalid/none:1" in done.stderr
        assert "--image" in done.stderr
    finally:
        project("uninstall", "gadget", "--crds", "--yes")
