"""Types in, exact schemas and CRDs out, or the exact error: schema/<case> and crd/<case>."""

import pytest

from rumpf.errors import DeclarationError
from rumpf.schema.conform import faults
from tests.golden.conftest import Expect
from tests.golden.golden_types import Case, cases

CASES = [*cases("schema"), *cases("crd")]


def name(case: Case) -> str:
    return case.folder.name


@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_type_becomes_exactly_this_or_is_refused_with_exactly_this(case: Case, expect: Expect) -> None:
    expected, error = case.folder / "expected.yaml", case.folder / "error.txt"
    try:
        text = case.text
    except DeclarationError as refusal:
        expect(error, f"{type(refusal).__name__}: {refusal}\n")
        assert not expected.exists(), "it is refused now; if it should be: delete expected.yaml"
    else:
        expect(expected, text)
        assert not error.exists(), "it is no longer refused; if it should not be: delete error.txt"


@pytest.mark.parametrize("case", [case for case in CASES if case.accepted], ids=name)
def test_what_is_accepted_can_be_read_and_what_is_refused_is_seen_without_an_api_server(case: Case) -> None:
    for value in case.accepted:
        assert list(faults(value, case.schema)) == []
        case.subject.model_validate(value)
    for refused in case.refused:
        if not refused.rule:
            assert list(faults(refused.value, case.schema)) != [], refused
