"""All ways of installing an operator install the same: CRDs byte for byte, rights rule for rule.

A way is a function from an operator to what is installed by default. Add one here, and it is held to the
others.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rumpf.manifests import from_yaml, render, to_yaml
from rumpf.manifests.people import is_for_people
from rumpf.objects import Manifest
from rumpf.olm.bundle import INSTALL
from rumpf.olm.shelf import Shelf
from rumpf.olm.strategy import rules_of
from rumpf.operator import Operator
from rumpf.project import Project

PROJECT = Project(Path(__file__).parents[2])
NAMES = PROJECT.names

_ROLES = {"ClusterRole", "Role"}
_BESIDE = {"NetworkPolicy", "PodDisruptionBudget", "Service"}


@dataclass(frozen=True)
class Installed:
    """What a way installs, as far as all of them must agree."""

    crds: Mapping[str, str]
    """By name, byte for byte."""
    rules: frozenset[tuple[str, str, str, str]]
    """Each right by itself: group, resource, name of the object, verb."""
    beside: Mapping[str, str]
    """Service, NetworkPolicy and PodDisruptionBudget, but for their namespace."""
    container: Mapping[str, Any]
    """The operator's, but for its image and environment."""


def by_kubectl(operator: Operator) -> Installed:
    """`kubectl apply -f operators/NAME/k8s`."""
    return of(from_files(PROJECT.manifests(operator.name).glob("*.yaml")))


def by_render(operator: Operator) -> Installed:
    """`rumpf render | kubectl apply -f -`, and `rumpf install`."""
    return of(render(operator).all)


def by_release(operator: Operator) -> Installed:
    """`kubectl apply -f bundle/NAME/VERSION/install.yaml`."""
    return of(from_files([bundle(operator) / INSTALL]))


def by_olm(operator: Operator) -> Installed:
    """A Subscription."""
    manifests = from_files((bundle(operator) / "manifests").glob("*.yaml"))
    (csv,) = (each for each in manifests if each["kind"] == "ClusterServiceVersion")
    install = csv["spec"]["install"]
    role = {"kind": "ClusterRole", "metadata": {"labels": {}}, "rules": rules_of(install)}
    deployments = [{"kind": "Deployment", **each} for each in install["spec"]["deployments"]]
    return of([*manifests, role, *deployments])


Way = Callable[[Operator], Installed]
WAYS: tuple[Way, ...] = (by_kubectl, by_render, by_release, by_olm)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_installs_the_same(way: Way, name: str) -> None:
    operator = PROJECT.load(name)
    expected, installed = by_render(operator), way(operator)
    assert installed.crds == expected.crds
    assert installed.rules == expected.rules
    assert installed.beside == expected.beside
    assert installed.container == expected.container


@pytest.mark.parametrize("name", NAMES)
def test_crds_are_the_same_bytes_in_every_file(name: str) -> None:
    operator = PROJECT.load(name)
    files = [
        PROJECT.manifests(name) / "crd.yaml",
        bundle(operator) / INSTALL,
        *(bundle(operator) / "manifests").glob("*.yaml"),
    ]
    texts = [document for path in files for document in documents(path)]
    crds = [text for text in texts if "\nkind: CustomResourceDefinition\n" in text]
    kinds = len(operator.kinds)
    assert len(crds) == 3 * kinds
    assert len(set(crds)) == kinds


@pytest.mark.parametrize("name", NAMES)
def test_there_is_something_to_compare(name: str) -> None:
    installed = by_render(PROJECT.load(name))
    assert installed.crds
    assert ("coordination.k8s.io", "leases", f"{name}-operator", "update") in installed.rules
    assert installed.beside.keys() == _BESIDE
    assert installed.container["securityContext"]["readOnlyRootFilesystem"]


def of(manifests: Iterable[Manifest]) -> Installed:
    together = list(manifests)
    (deployment,) = (each for each in together if each["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return Installed(
        crds={
            each["metadata"]["name"]: to_yaml([each])
            for each in together
            if each["kind"] == "CustomResourceDefinition"
        },
        rules=frozenset(
            (group, resource, named, verb)
            for each in together
            # What people may do, OLM says itself.
            if each["kind"] in _ROLES and not is_for_people(each)
            for rule in each["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for named in rule.get("resourceNames", [""])
            for verb in rule["verbs"]
        ),
        beside={each["kind"]: placeless(each) for each in together if each["kind"] in _BESIDE},
        container={key: value for key, value in container.items() if key not in {"image", "env"}},
    )


def placeless(manifest: Manifest) -> str:
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "namespace"}
    return json.dumps(manifest | {"metadata": metadata}, sort_keys=True)


def bundle(operator: Operator) -> Path:
    return PROJECT.root / Shelf.of(PROJECT).folder(operator)


def from_files(paths: Iterable[Path]) -> list[Manifest]:
    manifests = [each for path in sorted(paths) for each in from_yaml(path.read_text())]
    return [each for each in manifests if not is_sample(each)]


def is_sample(manifest: Manifest) -> bool:
    samples = [sample for name in NAMES for sample in render(PROJECT.load(name)).samples]
    return manifest in samples


def documents(path: Path) -> list[str]:
    lines = [line for line in path.read_text().splitlines(keepends=True) if not line.startswith("# ")]
    return "".join(lines).split("---\n")
