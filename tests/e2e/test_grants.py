"""Rights that are given in some namespaces: made there, used there, told apart, and taken away again."""

import json
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from rumpf.cluster import Cluster, ClusterSpec, up
from rumpf.cluster.ports import free_port
from rumpf.testing import Kubectl
from tests.e2e.gadget import Project, everything
from tests.e2e.test_run import Running, until

READER = '''
"""Gadget: tells whether there is a Secret of its name."""

from collections.abc import Iterable

from rumpf import Counter, Grant, Operator, Resource, Secret, Status, View, Watch, World, reconciler
from rumpf.operator import Index

SECRETS = Grant("secrets", "Looks for the Secret of a Gadget's name; without it, it says so.")
LOOKS = Counter("gadget_looks_total", "Looks for a Secret, by what was found.", ("found",))


class Gadget(Resource, group="gadgets.test", version="v1", plural="gadgets"):
    """Something with a Secret."""

    status: Status = Status()


def concerns(secret: View, _: Index) -> Iterable[tuple[str, str]]:
    return [(secret.namespace, secret.name)]


@reconciler(Gadget, watches=[Watch(Secret, concerns, metadata_only=True, grant=SECRETS)]FINALIZE)
async def reconcile(gadget: Gadget, world: World) -> Status:
    if not world.granted(SECRETS):
        world.count(LOOKS, found="nothing")
        return Status().not_ready("NotGranted", "it may not look")
    found = world.find(Secret, gadget.name)
    world.count(LOOKS, found="one" if found else "none")
    return Status().ready("Found", "there") if found else Status().not_ready("Missing", "not there")


operator = Operator("gadget", reconcile, description="Looks.", grants=[SECRETS], metrics=[LOOKS])
'''
NAME = "gadget-operator"
ROOM = "room"
IN_ROOM = f"--namespace={ROOM}"
"""A namespace that stays: its own would take seconds to go."""
OURS = "--selector=rumpf.dev/operator=gadget"


@pytest.fixture(scope="module")
def place() -> Iterator[Cluster]:
    """A cluster with two teams in it."""
    cluster = up(ClusterSpec(name="test-grants", nodes="fake"))
    kubectl = Kubectl(Path(cluster.binaries["kubectl"]), cluster.kubeconfig)
    kubectl("create", "namespace", ROOM)
    for team in ("team-a", "team-b"):
        kubectl("create", "namespace", team)
        kubectl.within(team)("create", "secret", "generic", "one", "--from-literal=key=value")
    yield cluster
    cluster.down()


@pytest.fixture
def admin(place: Cluster) -> Kubectl:
    return Kubectl(Path(place.binaries["kubectl"]), place.kubeconfig, "default")


@pytest.fixture
def project(place: Cluster, tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path, place.kubeconfig)
    made.write(READER)
    yield made
    done = made.run("uninstall", "gadget", "--crds", "--yes", "--abandon")
    assert done.returncode == 0, done.stderr


def granted(admin: Kubectl) -> list[str]:
    """Return the Roles and bindings of the grant."""
    found = json.loads(admin("get", "roles,rolebindings", "--all-namespaces", OURS, "--output=json"))["items"]
    return sorted(
        f"{each['kind']} {each['metadata']['namespace']}"
        for each in found
        if each["metadata"]["name"] == f"{NAME}-secrets"
    )


def may(admin: Kubectl, namespace: str) -> bool:
    """Tell whether the operator may list Secrets there, by the API server's word."""
    asked = ("auth", "can-i", "list", "secrets", f"--as=system:serviceaccount:{ROOM}:{NAME}")
    return admin.within(namespace).run(*asked).stdout == "yes\n"


def reason(admin: Kubectl, team: str) -> str:
    shown = "--output=jsonpath={.status.conditions[0].reason}"
    return admin.within(team).run("get", "gadget", "one", shown).stdout


def metrics(address: str) -> str:
    with closing(HTTPConnection(address, timeout=5)) as connection:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()


def test_it_is_used_where_it_is_given_and_nothing_is_asked_for_elsewhere(
    project: Project, admin: Kubectl
) -> None:
    http = f"127.0.0.1:{free_port()}"
    gadget = {"apiVersion": "gadgets.test/v1", "kind": "Gadget", "metadata": {"name": "one"}}
    with Running(project, "run", "gadget", IN_ROOM, "--grant=secrets=team-a", f"--http={http}") as running:
        running.says("secrets is granted in team-a")
        running.says("leading as")
        assert (may(admin, "team-a"), may(admin, "team-b")) == (True, False)
        for team in ("team-a", "team-b"):
            admin.within(team)("create", "--filename=-", input=json.dumps(gadget))
        until(lambda: reason(admin, "team-a") == "Found", "its Secret is seen")
        until(lambda: reason(admin, "team-b") == "NotGranted", "it says that it may not look")
        served = metrics(http)
        assert 'gadget_looks_total{found="one"}' in served
        assert 'gadget_looks_total{found="nothing"}' in served
        running.end()
    assert "orbidden" not in running.said
    with Running(project, "run", "gadget", IN_ROOM, "--grant=secrets") as running:
        until(lambda: reason(admin, "team-b") == "Found", "it may look everywhere now")
        running.end()
    assert granted(admin) == ["Role team-a", "RoleBinding team-a"], "running prunes nothing"
    with Running(project, "run", "gadget", IN_ROOM, "--withhold=secrets") as running:
        until(lambda: reason(admin, "team-a") == "NotGranted", "it is told that it may not look")
        running.end()


def test_what_is_given_follows_what_was_said_last_and_goes_with_the_operator(
    project: Project, admin: Kubectl
) -> None:
    before = everything(admin)
    project("install", "gadget", IN_ROOM, "--grant=secrets=team-a,team-b")
    assert granted(admin) == ["Role team-a", "Role team-b", "RoleBinding team-a", "RoleBinding team-b"]
    told = "warning: team-a loses the grant secrets; to keep it: --grant secrets=team-a,team-b\n"
    assert told in project("install", "gadget", IN_ROOM, "--grant=secrets=team-b", "--dry-run")
    said = project("install", "gadget", IN_ROOM, "--grant", "secrets=team-b")
    assert told in said
    assert "deleted    Role team-a/gadget-operator-secrets" in said
    assert granted(admin) == ["Role team-b", "RoleBinding team-b"]
    (again,) = project.json("install", "gadget", IN_ROOM, "--grant=secrets=team-b")
    assert {each["outcome"] for each in again["changes"]} == {"unchanged"}
    project("install", "gadget", IN_ROOM, "--grant=secrets")
    assert granted(admin) == []
    assert may(admin, "team-a")
    said = project("install", "gadget", IN_ROOM)
    assert "warning: every namespace loses the grant secrets; to keep it: --grant secrets\n" in said
    assert not may(admin, "team-a")
    project("install", "gadget", IN_ROOM, "--grant=secrets=team-a")
    project("uninstall", "gadget", "--crds", "--yes")
    assert everything(admin) == before


def test_a_namespace_that_is_not_there_is_named_before_anything_is_made(
    project: Project, admin: Kubectl
) -> None:
    before = everything(admin)
    for command in ("install", "run"):
        done = project.run(command, "gadget", IN_ROOM, "--grant=secrets=team-a,team-x")
        assert done.returncode == 9
        assert "namespace team-x: there is no such namespace" in done.stderr
    done = project.run("install", "gadget", IN_ROOM, "--grant=secrets=team-b", "--watch=team-a")
    assert done.returncode == 2
    assert "grant secrets: team-b is not among the namespaces that the operator looks after" in done.stderr
    assert everything(admin) == before
