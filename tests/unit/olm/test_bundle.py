"""What a bundle is made of, and that it follows from the declaration, the words and the release."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from rumpf import DaemonSet, Model, Operator, Resource, Setting, Status, World, reconciler
from rumpf.errors import DeclarationError
from rumpf.manifests import Options, render
from rumpf.olm import Package, Place, Release, Version, bundle_of
from rumpf.olm.strategy import rules_of
from tests.unit.olm.good import (
    DIGESTS,
    NOTE,
    OPERATOR_IMAGE,
    PACKAGE,
    PAPER_IMAGE,
    bundle,
    release,
)

Json = dict[str, Any]
BY_DIGEST = f"registry.example.com/note@{DIGESTS[OPERATOR_IMAGE]}"
PAPER = f"registry.example.com/paper@{DIGESTS[PAPER_IMAGE]}"


class ShelfSpec(Model):
    """What a Shelf is."""


class Shelf(Resource, group="shelves.example.com", version="v1", plural="shelves", namespaced=False):
    """A shelf, which is in no namespace."""

    spec: ShelfSpec
    status: Status = Status()


@reconciler(Shelf, owns=[DaemonSet])
async def reconcile(_shelf: Shelf, _world: World) -> Status:
    return Status()


SHELF = Operator("shelf", reconcile, description="Shelves.", image=OPERATOR_IMAGE)


def csv() -> Json:
    (found,) = (each for each in bundle().manifests if each["kind"] == "ClusterServiceVersion")
    return found


def pod(body: Json) -> Json:
    found: Json = body["spec"]["install"]["spec"]["deployments"][0]["spec"]["template"]["spec"]
    return found


def container(body: Json) -> Json:
    found: Json = pod(body)["containers"][0]
    return found


def variables(body: Json) -> dict[str, Json]:
    return {each["name"]: each for each in container(body)["env"]}


def test_names_and_numbers_follow_from_the_release() -> None:
    body = csv()
    assert body["metadata"]["name"] == "note-operator.v0.2.0"
    assert body["spec"]["version"] == "0.2.0"
    assert body["spec"]["replaces"] == "note-operator.v0.1.0"
    assert body["metadata"]["annotations"]["olm.skipRange"] == ">=0.1.0 <0.2.0"
    first = bundle(Version(0, 1)).manifests[0]
    assert "replaces" not in first["spec"]
    assert "olm.skipRange" not in first["metadata"]["annotations"]


def test_every_image_is_named_by_its_digest_and_related() -> None:
    body = csv()
    assert container(body)["image"] == BY_DIGEST
    assert variables(body)["PAPER_IMAGE"]["value"] == PAPER
    assert {each["image"] for each in body["spec"]["relatedImages"]} == {BY_DIGEST, PAPER}
    assert body["metadata"]["annotations"]["containerImage"] == BY_DIGEST


@pytest.mark.parametrize("missing", DIGESTS)
def test_an_image_whose_digest_nobody_knows_is_refused(missing: str) -> None:
    known = {name: digest for name, digest in DIGESTS.items() if name != missing}
    with pytest.raises(DeclarationError, match="bundle/releases"):
        bundle_of(NOTE, PACKAGE, Release(Version(0, 1), known), Place())


def test_an_image_that_was_asked_for_is_taken_as_it_is() -> None:
    asked = "rumpf.local/note:dev"
    made = bundle_of(
        NOTE, PACKAGE, replace(release(), unpinned=frozenset({asked})), Place(), Options(image=asked)
    )
    assert container(made.manifests[0])["image"] == asked


def test_rights_in_namespaces_are_left_for_olm_to_place() -> None:
    install = csv()["spec"]["install"]
    assert "clusterPermissions" not in install["spec"]
    (permission,) = install["spec"]["permissions"]
    assert permission["serviceAccountName"] == "note-operator"
    assert {"apiGroups": [""], "resources": ["pods"], "verbs": permission["rules"][0]["verbs"]} in rules_of(
        install
    )


def test_it_is_told_by_the_downward_api_where_to_look() -> None:
    told = variables(csv())["WATCH_NAMESPACE"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert told == "metadata.annotations['olm.targetNamespaces']"
    assert all(each["supported"] for each in csv()["spec"]["installModes"])


def test_what_is_in_no_namespace_is_for_the_whole_cluster() -> None:
    made = bundle_of(SHELF, PACKAGE, release(), Place())
    body = made.manifests[0]
    supported = [each["type"] for each in body["spec"]["installModes"] if each["supported"]]
    assert supported == ["AllNamespaces"]
    assert "WATCH_NAMESPACE" not in variables(body)
    strategy = body["spec"]["install"]["spec"]
    (everywhere,) = strategy["clusterPermissions"]
    (role,) = (each for each in render(SHELF).deploy if each["kind"] == "ClusterRole")
    assert everywhere["rules"] == role["rules"]
    assert {rule["resources"][0] for rule in strategy["permissions"][0]["rules"]} == {"leases"}


def test_its_pods_go_only_where_the_image_runs() -> None:
    both = replace(release(), platforms=("linux/arm64", "linux/amd64"))
    body = bundle_of(NOTE, PACKAGE, both, Place()).manifests[0]
    required = pod(body)["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (term,) = required["nodeSelectorTerms"]
    assert {each["key"]: each["values"] for each in term["matchExpressions"]} == {
        "kubernetes.io/arch": ["amd64", "arm64"],
        "kubernetes.io/os": ["linux"],
    }
    assert body["metadata"]["labels"] == {
        "operatorframework.io/arch.amd64": "supported",
        "operatorframework.io/arch.arm64": "supported",
        "operatorframework.io/os.linux": "supported",
    }


def test_consoles_are_told_of_every_field() -> None:
    (owned,) = csv()["spec"]["customresourcedefinitions"]["owned"]
    assert [each["path"] for each in owned["specDescriptors"]] == ["text"]
    told = {each["path"]: each["x-descriptors"] for each in owned["statusDescriptors"]}
    assert told["conditions"] == ["urn:alm:descriptor:io.kubernetes.conditions"]
    assert {each["kind"] for each in owned["resources"]} == {"Pod", "Event"}


def test_the_description_begins_with_its_authors_words_and_tells_what_the_declaration_says() -> None:
    description = csv()["spec"]["description"]
    assert description.startswith("Notes are printed by Pods")
    assert "OLM v1 does so when the ClusterExtension is deleted" in description
    for told in ("kind: Note", "`PAPER_IMAGE`", "`pods`", "`notes.notes.example.com`: read (list, watch)"):
        assert told in description


def test_examples_are_the_samples_of_the_operators_own_kinds() -> None:
    beside: Json = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    more = Operator(
        "note",
        *NOTE.reconcilers,
        description="Notes.",
        image=OPERATOR_IMAGE,
        samples=[beside, *NOTE.samples],
    )
    body = bundle_of(more, PACKAGE, release(), Place()).manifests[0]
    assert json.loads(body["metadata"]["annotations"]["alm-examples"]) == list(NOTE.samples)


def test_the_dockerfile_repeats_the_annotations_on_an_empty_image() -> None:
    files = bundle().files
    lines = files["Dockerfile"].splitlines()
    annotations = yaml.safe_load(files["metadata/annotations.yaml"])["annotations"]
    assert lines[0] == "FROM scratch"
    assert {f"LABEL {name}={value}" for name, value in annotations.items()} < set(lines)
    assert not [line for line in lines if "install.yaml" in line]


def test_what_comes_before_a_release_is_for_those_who_try_it() -> None:
    candidate = release(Version(0, 3, 0, ("rc", "1")))
    files = bundle_of(NOTE, PACKAGE, candidate, Place()).files
    annotations = yaml.safe_load(files["metadata/annotations.yaml"])["annotations"]
    assert annotations["operators.operatorframework.io.bundle.channels.v1"] == "candidate"
    assert annotations["operators.operatorframework.io.bundle.channel.default.v1"] == "candidate"


def test_the_same_release_gives_the_same_bytes() -> None:
    again = bundle_of(NOTE, PACKAGE, release(), Place("note-operator.v0.1.0", ">=0.1.0 <0.2.0"))
    assert again.files == bundle().files


def test_an_operator_that_nobody_wrote_words_for_has_an_icon_of_its_own() -> None:
    data = base64.b64decode(csv()["spec"]["icon"][0]["base64data"])
    assert data.startswith(b"<svg")
    assert b">N</text>" in data


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"display_name": " "}, "display name"),
        ({"provider": ""}, "provider"),
        ({"categories": ("Games",)}, "no such category: Games"),
        ({"capabilities": "Everything"}, "no level"),
        ({"maintainers": {"Somebody": "at home"}}, "no e-mail address"),
        ({"links": {"Source": "here"}}, "no address"),
    ],
)
def test_words_that_a_catalog_refuses_are_refused_when_they_are_written(
    change: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(DeclarationError, match=complaint):
        replace(PACKAGE, **change)


def test_a_setting_without_an_image_is_no_related_image() -> None:
    plain = Operator(
        "note",
        *NOTE.reconcilers,
        description="Notes.",
        image=OPERATOR_IMAGE,
        settings=[Setting("MOOD", "merry", "How."), Setting("IMAGE", "", "None by default.")],
    )
    body = bundle_of(plain, Package("Note", "", b"<svg></svg>", "x"), release(), Place()).manifests[0]
    assert [each["name"] for each in body["spec"]["relatedImages"]] == ["operator"]
