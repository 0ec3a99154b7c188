"""What is wrong with a bundle is found, whatever it is; and where nothing is wrong, nothing is found."""

from pathlib import Path

import pytest

from rumpf.olm.checking import OF_BUNDLES, check
from rumpf.olm.checking.finding import Finding
from tests.unit.olm.good import Draft
from tests.unit.olm.spoilt_bundles import SPOILT, Spoil


def found(draft: Draft, folder: Path) -> tuple[Finding, ...]:
    (checked,) = check(draft.write(folder))
    return checked.findings


def test_a_good_bundle_has_neither_errors_nor_warnings(tmp_path: Path) -> None:
    assert found(Draft(), tmp_path) == ()


@pytest.mark.parametrize(("spoil", "rule", "level"), SPOILT.values(), ids=SPOILT)
def test_what_is_wrong_is_found_by_its_rule(spoil: Spoil, rule: str, level: str, tmp_path: Path) -> None:
    draft = Draft()
    spoil(draft)
    named = {(f"{each.suite}/{each.rule}", each.level) for each in found(draft, tmp_path)}
    assert (rule, level) in named, named


def test_every_suite_has_a_bundle_that_it_refuses() -> None:
    assert {rule.split("/")[0] for _, rule, _ in SPOILT.values()} == set(OF_BUNDLES)
