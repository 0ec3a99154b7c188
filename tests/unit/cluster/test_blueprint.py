"""What is true of every cluster's plan, whatever was asked for."""

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from rumpf.cluster import ClusterSpec
from rumpf.cluster.assets import CONTROL_PLANE, FAKE_NODE, REAL_NODE
from rumpf.cluster.blueprint import Blueprint, bare_control_plane, blueprint
from rumpf.cluster.bootstrap import bootstrap_objects
from rumpf.cluster.layout import Layout, Link
from rumpf.cluster.plan import Plan

BINARIES = {name: f"/binaries/{name}" for name in CONTROL_PLANE | FAKE_NODE | REAL_NODE}
HOSTED = Layout.hosted(Path("/cache/clusters/one"), 45678)
PUBLIC = {"pki/ca.crt", "pki/front-proxy-ca.crt", "resolv.conf"}
KINDS = ("real", "fake", "none", "audited", "bare")


@pytest.fixture(scope="module")
def blueprints() -> dict[str, Blueprint]:
    """One of each kind."""
    node = {"sandbox": "/cache/images/pause.tar", "snapshotter": "overlayfs"}
    return {
        "real": blueprint(ClusterSpec(name="one"), Layout.inside(Link(7)), BINARIES, **node),
        "fake": blueprint(ClusterSpec(name="one", nodes="fake"), HOSTED, BINARIES),
        "none": blueprint(ClusterSpec(name="one", nodes="none"), HOSTED, BINARIES),
        "audited": blueprint(ClusterSpec(name="one", nodes="none", audit=True), HOSTED, BINARIES),
        "bare": bare_control_plane("one", HOSTED, BINARIES),
    }


@pytest.fixture(params=KINDS)
def made(request: pytest.FixtureRequest, blueprints: dict[str, Blueprint]) -> Blueprint:
    """A blueprint of this kind."""
    return blueprints[request.param]


@pytest.fixture
def plan(made: Blueprint) -> Plan:
    """Its plan."""
    return made.plan


def test_no_two_files_have_the_same_path_and_no_two_components_the_same_name(plan: Plan) -> None:
    for names in ([file.path for file in plan.files], [component.name for component in plan.components]):
        assert [name for name, times in Counter(names).items() if times > 1] == []


def test_every_file_stays_in_the_folder_of_the_cluster(plan: Plan) -> None:
    for file in plan.files:
        assert not Path(file.path).is_absolute()
        assert ".." not in Path(file.path).parts


def test_what_is_not_public_is_for_its_owner_alone(plan: Plan) -> None:
    assert {file.path for file in plan.files if file.mode != 0o600} <= PUBLIC
    assert not [file.path for file in plan.files if file.path in PUBLIC and "PRIVATE KEY" in file.text]


def test_no_secret_is_in_an_argument_or_the_environment(plan: Plan) -> None:
    keys = {line for file in plan.files if "PRIVATE KEY" in file.text for line in file.text.splitlines()[1:3]}
    said = " ".join(
        word for part in plan.components for word in (*part.argv, *part.env.keys(), *part.env.values())
    )
    assert keys
    assert not [key for key in keys if key in said]


def test_nothing_is_told_to_be_insecure(plan: Plan) -> None:
    words = [word for component in plan.components for word in component.argv]
    assert not [word for word in words if "insecure" in word or "skip-tls" in word]
    for file in plan.files:
        # What CoreDNS calls so is to answer for Pods by address.
        assert "insecure" not in file.text.replace("pods insecure", "")


def test_the_api_server_knows_nobody_without_a_certificate(plan: Plan) -> None:
    words = arguments(plan, "kube-apiserver")
    assert words["--anonymous-auth"] == "false"
    assert words["--authorization-mode"] == "Node,RBAC"
    assert "--client-ca-file" in words
    assert words["--bind-address"] == ("0.0.0.0" if "kubelet" in names(plan) else "127.0.0.1")  # noqa: S104


def test_the_kubelet_knows_nobody_without_a_certificate(blueprints: dict[str, Blueprint]) -> None:
    (text,) = [file.text for file in blueprints["real"].plan.files if file.path == "kubelet.json"]
    kubelet = json.loads(text)
    assert kubelet["authentication"]["anonymous"] == {"enabled": False}
    assert kubelet["authorization"] == {"mode": "Webhook"}
    assert "readOnlyPort" not in kubelet


def test_every_file_that_an_argument_names_is_written(
    made: Blueprint, request: pytest.FixtureRequest
) -> None:
    inside = "real" in request.node.callspec.params.values()
    root = str(Layout.inside(Link(7)).root if inside else HOSTED.root)
    written = {f"{root}/{file.path}" for file in made.plan.files}
    made_by_itself = {f"{root}/{name}" for name in ("flexvolume", "volumes", "logs/audit.log")}
    named = {
        word.rpartition("=")[2]
        for component in made.plan.components
        for word in component.argv
        if word.rpartition("=")[2].startswith(f"{root}/")
    }
    programs = {f"{root}/bin/{name}" for name in BINARIES}
    assert named - written - programs - made_by_itself == set()


def test_every_kubeconfig_is_whole_and_trusts_the_clusters_own_authority(plan: Plan) -> None:
    files = {file.path: file.text for file in plan.files}
    for path, text in files.items():
        if path.endswith("kubeconfig"):
            (cluster,) = json.loads(text)["clusters"]
            authority = base64.b64decode(cluster["cluster"]["certificate-authority-data"]).decode()
            assert authority == files["pki/ca.crt"], path


@pytest.mark.parametrize(
    ("kind", "url"),
    [("real", "https://198.18.0.30:6443"), *((kind, "https://127.0.0.1:45678") for kind in KINDS[1:4])],
)
def test_what_a_person_gets_is_what_is_written_and_leads_to_the_cluster(
    blueprints: dict[str, Blueprint], kind: str, url: str
) -> None:
    made = blueprints[kind]
    assert [file.text for file in made.plan.files if file.path == "kubeconfig"] == [made.admin]
    assert json.loads(made.admin)["clusters"][0]["cluster"]["server"] == url


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("real", {"containerd", "kubelet", "kube-proxy", "coredns", "volumes"}),
        ("fake", {"kwok", "volumes"}),
        ("none", set[str]()),
        ("audited", set[str]()),
    ],
)
def test_what_runs_beside_the_control_plane(
    blueprints: dict[str, Blueprint], kind: str, more: set[str]
) -> None:
    control_plane = {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
    assert names(blueprints[kind].plan) == control_plane | more


def test_a_plan_survives_the_journey_to_its_supervisor(plan: Plan) -> None:
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_whoever_is_given_rights_exists(blueprints: dict[str, Blueprint]) -> None:
    users = {user for kind in ("real", "fake") for user in clients(blueprints[kind].plan)}
    bound = {
        subject["name"]
        for _, each in bootstrap_objects()
        if each["kind"] == "ClusterRoleBinding"
        for subject in each["subjects"]
    }
    assert bound <= users


def test_the_rights_of_our_own_parts_are_exact() -> None:
    roles = [each for _, each in bootstrap_objects() if each["kind"] == "ClusterRole"]
    assert {role["metadata"]["name"] for role in roles} == {"rumpf:dns", "rumpf:volumes", "rumpf:kwok"}
    for role in roles:
        for rule in role["rules"]:
            assert not any("*" in value for value in (*rule["apiGroups"], *rule["resources"], *rule["verbs"]))
            assert "secrets" not in rule["resources"]


def arguments(plan: Plan, name: str) -> dict[str, str]:
    (argv,) = [component.argv for component in plan.components if component.name == name]
    flags = [word.partition("=") for word in argv[1:]]
    assert not [flag for flag, times in Counter(flag for flag, _, _ in flags).items() if times > 1]
    return {flag: value for flag, _, value in flags}


def names(plan: Plan) -> set[str]:
    return {component.name for component in plan.components}


def clients(plan: Plan) -> set[str]:
    """The common names of all certificates in a plan."""
    found: set[str] = set()
    for file in plan.files:
        text = file.text
        if file.path.endswith("kubeconfig"):
            user: dict[str, Any] = json.loads(text)["users"][0]["user"]
            text = base64.b64decode(user["client-certificate-data"]).decode()
        if text.startswith("-----BEGIN CERTIFICATE"):
            subject = x509.load_pem_x509_certificate(text.encode()).subject
            found |= {str(each.value) for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)}
    return found
