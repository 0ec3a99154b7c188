"""A declaration in, all that is installed out: manifests/<case>/operator.py says what is declared.

A case may say with which `options` it is installed, and which kinds of objects it `shows`.
"""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from rumpf.manifests import Options, files_of, render, to_yaml
from rumpf.manifests.policies import OF_SAMPLES, violations
from rumpf.project import Project

PROJECT = Project(Path(__file__).parents[2])
CASES = sorted(path.parent for path in (Path(__file__).parent / "manifests").glob("*/operator.py"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_installed_follows_from_the_declaration(
    case: Path, expect: Callable[[Path, str], None]
) -> None:
    declared = runpy.run_path(str(case / "operator.py"))
    rendered = render(declared["operator"], declared.get("options", Options()))
    shown = [each for each in rendered.deploy if each["kind"] in declared.get("shows", {each["kind"]})]
    expect(case / "deploy.yaml", to_yaml(shown))


@pytest.mark.parametrize("name", PROJECT.names)
def test_what_is_committed_for_an_operator_is_what_its_declaration_says(name: str) -> None:
    committed = {path.name: path.read_text() for path in PROJECT.manifests(name).glob("*.yaml")}
    made = files_of(PROJECT.load(name))
    assert made == committed, f"if it should differ: rumpf render --write {name}"


@pytest.mark.parametrize("name", PROJECT.names)
def test_what_is_committed_for_an_operator_keeps_the_policies(name: str) -> None:
    rendered = render(PROJECT.load(name))
    assert violations(rendered.all) == ()
    assert violations(rendered.samples, OF_SAMPLES) == ()
    assert rendered.own_samples
