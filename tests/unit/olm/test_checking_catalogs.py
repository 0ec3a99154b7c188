"""What is wrong with a catalog is found, whatever it is; and where nothing is wrong, nothing is found."""

from pathlib import Path

import pytest

from rumpf.olm.checking import check
from rumpf.olm.checking.finding import Finding
from tests.unit.olm.good import CatalogDraft
from tests.unit.olm.spoilt_catalogs import SPOILT, Spoil


def found(draft: CatalogDraft, folder: Path) -> tuple[Finding, ...]:
    (checked,) = check(draft.write(folder))
    return checked.findings


def test_a_good_catalog_has_neither_errors_nor_warnings(tmp_path: Path) -> None:
    assert found(CatalogDraft(), tmp_path) == ()


@pytest.mark.parametrize(("spoil", "rule", "level"), SPOILT.values(), ids=SPOILT)
def test_what_is_wrong_is_found_by_its_rule(spoil: Spoil, rule: str, level: str, tmp_path: Path) -> None:
    draft = CatalogDraft()
    spoil(draft)
    named = {(each.rule, each.level) for each in found(draft, tmp_path)}
    assert (rule, level) in named, named


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = CatalogDraft().write(tmp_path)
    (folder / "more.yaml").write_text("a: [1")
    assert [(each.rule, each.where) for each in found(CatalogDraft(), folder)] == [("readable", "more.yaml")]


def test_what_a_catalog_is_told_to_ignore_is_not_read(tmp_path: Path) -> None:
    folder = CatalogDraft().write(tmp_path)
    (folder / ".indexignore").write_text("# not of the catalog\nDockerfile\n")
    (folder / "Dockerfile").write_text("FROM scratch")
    assert found(CatalogDraft(), folder) == ()
