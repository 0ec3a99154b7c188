"""The releases of this repository: checked, as rendered, and each one breaks nobody who had the last."""

from itertools import pairwise
from pathlib import Path

import pytest

from rumpf.manifests import from_yaml
from rumpf.manifests.breaking import breaking
from rumpf.objects import Manifest
from rumpf.olm.checking import check_together
from rumpf.olm.shelf import BUNDLES, CATALOGS, Shelf
from rumpf.project import Project

PROJECT = Project(Path(__file__).parents[3])
SHELF = Shelf.of(PROJECT)


def releases(name: str) -> list[Path]:
    operator = PROJECT.load(name)
    versions = (*SHELF.versions(operator), SHELF.version)
    return [PROJECT.root / BUNDLES / name / str(version) for version in versions]


def crds(bundle: Path) -> dict[str, Manifest]:
    manifests = [
        each for path in (bundle / "manifests").glob("*.yaml") for each in from_yaml(path.read_text())
    ]
    return {
        each["metadata"]["name"]: each for each in manifests if each["kind"] == "CustomResourceDefinition"
    }


def test_what_is_committed_has_neither_errors_nor_warnings() -> None:
    checked = check_together([PROJECT.root / BUNDLES, PROJECT.root / CATALOGS])
    assert {each.what for each in checked} == {"bundle", "catalog"}
    assert [finding for each in checked for finding in each.findings] == []


@pytest.mark.parametrize("name", PROJECT.names)
def test_what_is_committed_is_what_is_rendered(name: str) -> None:
    assert [each.path for each in SHELF.differences(PROJECT.load(name))] == []


@pytest.mark.parametrize("name", PROJECT.names)
def test_there_are_two_releases_at_least_and_no_crd_of_one_is_broken_by_the_next(name: str) -> None:
    assert len(releases(name)) >= 2
    for old, new in pairwise(releases(name)):
        before, after = crds(old), crds(new)
        assert before.keys() <= after.keys()
        assert [broken for crd in before for broken in breaking(before[crd], after[crd])] == []
