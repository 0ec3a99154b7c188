"""Every CRD of the golden tests, put before a real API server: it alone knows whether one is right."""

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest

from rumpf.manifests import crd_for, to_yaml
from rumpf.objects import Manifest
from rumpf.schema import is_list, is_object
from rumpf.testing import Kubectl, RunningCluster
from tests.golden.golden_types import Case, cases

CASES = [case for case in (*cases("schema"), *cases("crd")) if not case.is_refused]
WITH_OBJECTS = [case for case in CASES if case.accepted or case.refused]
# In a group of their own: the operators of this repository may be installed in the same cluster.
GROUP = "golden.rumpf.dev"


def name(case: Case) -> str:
    return case.folder.name


@dataclass(frozen=True)
class Served:
    """The CRDs as the API server has them, by the case; what it said of those that it refused."""

    crds: dict[str, Manifest]
    said: str


@pytest.fixture(scope="module")
def namespace_for_all(cluster: RunningCluster) -> Iterator[Kubectl]:
    """kubectl, in a namespace that all these tests share: nothing in it ever runs."""
    name = f"golden-{uuid.uuid4().hex[:6]}"
    kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig, name)
    kubectl("create", "namespace", name)
    yield kubectl
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def served(namespace_for_all: Kubectl) -> Iterator[Served]:
    """All of the CRDs, created at once and waited for."""
    kubectl = namespace_for_all
    text = to_yaml([crd_of(case) for case in CASES])
    said = kubectl.run("create", "--validate=strict", "--filename=-", input=text)
    there = re.findall(r"^(customresourcedefinition\S+) created$", said.stdout, re.MULTILINE)
    try:
        kubectl("wait", "--for=condition=Established", "--timeout=60s", *there)
        listed = json.loads(kubectl("get", "crds", "--output=json"))["items"]
        found = {crd["metadata"]["name"]: crd for crd in listed}
        crds = {
            name(case): found[crd_of(case)["metadata"]["name"]]
            for case in CASES
            if crd_of(case)["metadata"]["name"] in found
        }
        yield Served(crds, said.stderr)
    finally:
        kubectl("delete", "--ignore-not-found", "--timeout=60s", *there)


@pytest.fixture
def kubectl(namespace_for_all: Kubectl, served: Served) -> Kubectl:
    """kubectl, where all the CRDs are served."""
    assert served.crds
    return namespace_for_all


@pytest.mark.parametrize("case", CASES, ids=name)
def test_an_api_server_takes_it_compiles_its_rules_and_finds_it_structural(
    served: Served, case: Case
) -> None:
    assert name(case) in served.crds, served.said
    found, crd = served.crds[name(case)], crd_of(case)
    conditions = {each["type"]: each["status"] for each in found["status"]["conditions"]}
    assert conditions.get("Established") == "True"
    assert conditions.get("NamesAccepted") == "True"
    assert conditions.get("NonStructuralSchema", "False") == "False"
    assert without_defaults(found["spec"], crd["spec"]) == crd["spec"], "it took it, and dropped something"


@pytest.mark.parametrize("case", WITH_OBJECTS, ids=name)
def test_what_is_right_is_accepted_and_what_is_wrong_is_refused_with_a_message(
    kubectl: Kubectl, case: Case
) -> None:
    for value in case.accepted:
        made = json.loads(kubectl(*CREATE, "--dry-run=server", input=json.dumps(object_of(case, value))))
        case.resource.model_validate(made)
    for refused in case.refused:
        done = kubectl.run(*CREATE, "--dry-run=server", input=json.dumps(object_of(case, refused.value)))
        if refused.because is None:
            assert done.returncode == 0, done.stderr
        else:
            assert done.returncode != 0, f"accepted: {refused.value}"
            assert refused.because in done.stderr


CREATE = ("create", "--validate=strict", "--output=json", "--filename=-")


def test_null_is_kept_only_where_the_type_says_so(kubectl: Kubectl) -> None:
    nullable = made_of("null_is_kept_on_purpose", kubectl, {"required": None, "defaulted": None})
    assert nullable["spec"] == {"required": None, "defaulted": None}
    absent = made_of("null_is_kept_on_purpose", kubectl, {"required": None})
    assert absent["spec"] == {"required": None, "defaulted": 5}
    dropped = made_of(
        "optional_is_not_required", kubectl, {"text": None, "level": None, "defaultLevel": None}
    )
    assert dropped["spec"] == {"defaultLevel": "low"}


def test_a_fresh_object_reads_as_pending_though_nobody_wrote_its_status(kubectl: Kubectl) -> None:
    message = created(kubectl, object_of(case_of("message"), {"spec": {"text": "a"}}))
    assert message["status"] == {"phase": "Pending"}
    assert "Pending" in kubectl("get", "msg", message["metadata"]["name"])
    kubectl("wait", "--for=jsonpath={.status.phase}=Pending", f"msg/{message['metadata']['name']}")


def test_defaults_are_filled_in_also_those_within_defaults(kubectl: Kubectl) -> None:
    spec = made_of("defaults", kubectl, {})["spec"]
    assert spec["limits"] == {"cpu": "100m", "memory": "64Mi"}
    assert spec["generous"] == {"cpu": "2", "memory": "64Mi"}
    assert spec["ports"] == [{"name": "web", "port": 80}, {"name": "admin", "port": 81}]
    assert "emptyList" not in spec
    assert spec["text"] == ""


FULL = {"name": "a", "owner": "me", "storage": {"volume": {"storageClass": "fast"}, "namespace": "here"}}


@pytest.mark.parametrize(
    ("patch", "because"),
    [
        ({"name": "b"}, "spec.name: Invalid value: cannot be changed"),
        ({"storage": {"volume": {"storageClass": "slow"}}}, "spec.storage.volume.storageClass"),
        ({"storage": {"volume": {"storageClass": None}}}, "storageClass cannot be removed"),
        ({"storage": {"volume": None}}, "volume cannot be removed"),
        ({"storage": None}, "storage cannot be removed"),
        ({"storage": {"namespace": None}}, "namespace cannot be removed"),
        ({"storage": {"namespace": "there"}}, "stays where it is"),
        ({"kind": "other"}, "spec.kind: Invalid value: cannot be changed"),
        ({"owner": "you"}, "spec.owner: Invalid value: cannot be changed"),
    ],
    ids=str,
)
def test_what_is_immutable_is_neither_changed_nor_removed_by_removing_what_it_stands_in(
    kubectl: Kubectl, patch: Manifest, because: str
) -> None:
    made = made_of("immutable_through_optional_parents", kubectl, FULL)
    done = patched(kubectl, made, patch)
    assert done.returncode != 0
    assert because in re.sub(r'Invalid value: ("[^"]*"|\S+): ', "Invalid value: ", done.stderr)
    assert patched(kubectl, made, {"storage": {"volume": {"size": 2}}}).returncode == 0


def test_what_is_immutable_may_be_set_once_later(kubectl: Kubectl) -> None:
    made = made_of("immutable_through_optional_parents", kubectl, {"name": "a", "owner": None})
    assert patched(kubectl, made, {"storage": {"volume": {"storageClass": "fast"}}}).returncode == 0
    assert patched(kubectl, made, {"storage": {"volume": {"storageClass": "slow"}}}).returncode != 0


def test_what_is_immutable_is_not_changed_by_way_of_null(kubectl: Kubectl) -> None:
    made = made_of("immutable_through_optional_parents", kubectl, FULL)
    made["spec"]["owner"] = None
    done = kubectl.run("replace", "--filename=-", input=json.dumps(made))
    assert done.returncode != 0
    assert "owner cannot be removed" in done.stderr


def test_a_disk_grows_and_does_not_shrink_and_is_replaced_where_that_is_meant(kubectl: Kubectl) -> None:
    made = made_of("rules_about_change", kubectl, {"size": 2, "disks": [{"name": "a", "size": 2}]})
    assert patched(kubectl, made, {"size": 3, "disks": [{"name": "a", "size": 3}]}).returncode == 0
    for patch in ({"size": 1}, {"size": None}, {"disks": [{"name": "a", "size": 1}]}):
        assert patched(kubectl, made, patch).returncode != 0, patch
    assert patched(kubectl, made, {"disks": []}).returncode == 0
    assert patched(kubectl, made, {"disks": [{"name": "a", "size": 1}]}).returncode == 0


def test_objects_are_scaled_and_selected_and_an_old_version_warns(kubectl: Kubectl) -> None:
    farm = object_of(case_of("everything"), {"metadata": {"name": "south"}, "spec": {"zoneName": "b"}})
    done = kubectl.run("create", "--filename=-", input=json.dumps(farm))
    assert "use something else" in done.stderr
    try:
        kubectl("scale", "farms/south", "--replicas=7")
        assert kubectl("get", "farms", "--field-selector=spec.zoneName=b,spec.replicas=7", "--output=name")
        assert not kubectl("get", "farms", "--field-selector=spec.zoneName=a", "--output=name")
        assert re.search(r"south\s+7\s", kubectl("get", "fm", "south"))
    finally:
        kubectl("delete", "farms/south")


def test_both_versions_serve_the_same_object_with_all_that_is_in_it(kubectl: Kubectl) -> None:
    old = object_of(case_of("versions"), {"spec": {"text": "a"}})
    old["apiVersion"] = f"{GROUP}/v1alpha1"
    name = created(kubectl, old)["metadata"]["name"]
    new = json.loads(kubectl("get", f"notes.v1.{GROUP}/{name}", "--output=json"))
    assert new["spec"] == {"text": "a", "mode": "fast"}
    case_of("versions").subject.model_validate(new)


def case_of(folder: str) -> Case:
    return next(case for case in CASES if case.folder.name == folder)


def crd_of(case: Case) -> Manifest:
    crd = crd_for(case.resource)
    crd["metadata"]["name"] = f"{crd['spec']['names']['plural']}.{GROUP}"
    crd["spec"]["group"] = GROUP
    return crd


def object_of(case: Case, value: Manifest) -> Manifest:
    kind = case.resource.names.kind
    named = {"generateName": "object-"} if kind.namespaced else {"name": "object"}
    body = value if case.resource is case.subject else {"spec": value}
    return {"apiVersion": f"{GROUP}/{kind.version}", "kind": kind.kind, "metadata": named} | body


def made_of(folder: str, kubectl: Kubectl, spec: Manifest) -> Manifest:
    return created(kubectl, object_of(case_of(folder), spec))


def created(kubectl: Kubectl, wanted: Manifest) -> Manifest:
    return cast("Manifest", json.loads(kubectl(*CREATE, input=json.dumps(wanted))))


def patched(kubectl: Kubectl, made: Manifest, spec: Manifest) -> Any:  # noqa: ANN401 - a CompletedProcess
    kind = f"{made['kind']}.v1.{GROUP}/{made['metadata']['name']}"
    return kubectl.run("patch", kind, "--type=merge", f"--patch={json.dumps({'spec': spec})}")


def without_defaults(found: Any, sent: Any) -> Any:  # noqa: ANN401 - JSON
    """What was found, less what the API server added where nothing was sent."""
    if is_object(sent):
        return {key: without_defaults(found.get(key), each) for key, each in sent.items()}
    if is_list(sent):
        return [without_defaults(one, other) for one, other in zip(found, sent, strict=True)]
    return found
