"""Bundles, catalogs and what subscribes to them, on a real API server with OLM's kinds: taken strictly."""

import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rumpf.manifests import from_yaml, to_yaml
from rumpf.project import Project
from rumpf.testing import Kubectl
from tests.e2e.pages import blocks

ROOT = Path(__file__).parents[3]
CRDS = sorted((Path(__file__).parent / "crds").glob("*.yaml"))
BUNDLES = sorted(path.parent for path in ROOT.glob("bundle/*/*/manifests"))
STRICTLY = ("apply", "--server-side", "--validate=strict", "--dry-run=server", "--filename=-")


@pytest.fixture
def olm(kubectl: Kubectl) -> Kubectl:
    """Kubectl on a cluster that knows OLM's kinds; where OLM is, they stay as they are."""
    for path in CRDS:
        name = yaml.safe_load(path.read_text())["metadata"]["name"]
        if kubectl.run("get", "crd", name).returncode != 0:
            kubectl("create", f"--filename={path}")
        established(kubectl, name)
    return kubectl


def established(kubectl: Kubectl, name: str) -> None:
    """Wait until a CRD is served. `kubectl wait` gives up at once where it has no conditions yet."""
    until = time.monotonic() + 60
    asked = ("get", "crd", name, "--output=json")
    while True:
        conditions = json.loads(kubectl(*asked)).get("status", {}).get("conditions") or ()
        if any((each["type"], each["status"]) == ("Established", "True") for each in conditions):
            return
        assert time.monotonic() < until, conditions
        time.sleep(0.1)


def strictly(kubectl: Kubectl, manifest: dict[str, Any]) -> str:
    """Have the API server look at an object; return what it says, which is to be no warning."""
    done = kubectl.run(*STRICTLY, input=to_yaml([manifest]))
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


def objects(bundle: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((bundle / "manifests").glob("*.yaml")):
        yield from from_yaml(path.read_text())


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda each: f"{each.parent.name} {each.name}")
def test_all_that_a_bundle_holds_is_taken_without_an_error_or_a_warning(olm: Kubectl, bundle: Path) -> None:
    said = [strictly(olm, each) for each in objects(bundle)]
    assert len(said) >= 3


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda each: f"{each.parent.name} {each.name}")
def test_the_examples_of_a_bundle_are_taken_once_its_crds_are_there(olm: Kubectl, bundle: Path) -> None:
    for each in objects(bundle):
        if each["kind"] == "CustomResourceDefinition":
            olm("apply", "--server-side", "--force-conflicts", "--filename=-", input=to_yaml([each]))
            established(olm, each["metadata"]["name"])
    (csv,) = (each for each in objects(bundle) if each["kind"] == "ClusterServiceVersion")
    examples = json.loads(csv["metadata"]["annotations"]["alm-examples"])
    assert examples
    for example in examples:
        strictly(olm, example)


def test_a_field_that_does_not_exist_would_have_been_noticed(olm: Kubectl) -> None:
    (csv, *_) = (each for each in objects(BUNDLES[0]) if each["kind"] == "ClusterServiceVersion")
    spoilt = copy.deepcopy(csv)
    spoilt["spec"]["displayname"] = "Note"
    done = olm.run(*STRICTLY, input=to_yaml([spoilt]))
    assert done.returncode != 0
    assert "displayname" in done.stderr


def test_what_the_guide_says_to_apply_is_taken(olm: Kubectl) -> None:
    page = (ROOT / "docs/install/olm.md").read_text()
    shown = [
        manifest for block in blocks(page) if block.language == "yaml" for manifest in from_yaml(block.text)
    ]
    of_olm = [each for each in shown if each["apiVersion"].startswith("operators.coreos.com/")]
    assert {each["kind"] for each in of_olm} == {"CatalogSource", "OperatorGroup", "Subscription"}
    for each in of_olm:
        strictly(olm, each | {"metadata": each["metadata"] | {"namespace": olm.namespace}})


def test_every_operator_of_the_project_is_in_a_bundle() -> None:
    assert {each.parent.name for each in BUNDLES} == set(Project(ROOT).names)
