"""The components as a package: what a program in another language is told of them, and can pass."""

import json
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest
import yaml
from pulumi.provider.experimental.component import ComponentProvider

from infra.distribution import Distribution, InstalledOperator
from rumpf.errors import UsageError
from rumpf.manifests import Options
from rumpf.olm.shelf import Shelf
from rumpf.olm.strategy import pinned_manifests
from rumpf.project import Project
from tests.infra.stack import INFRA, ROOT, Graph, plain, run

PROJECT = Project(ROOT)
FIRST = PROJECT.names[0]


def schema() -> dict[str, Any]:
    provider = ComponentProvider([Distribution, InstalledOperator], "rumpf", None, "1.0.0")
    return cast("dict[str, Any]", json.loads(cast("str", provider.schema)))


def test_both_components_are_offered_with_every_input_and_output_described() -> None:
    resources = schema()["resources"]

    assert set(resources) == {"rumpf:index:Distribution", "rumpf:index:InstalledOperator"}
    for name, each in resources.items():
        described = {**each["inputProperties"], **each["properties"]}
        assert each["description"], name
        assert all(one.get("description") for one in described.values()), name


def test_every_field_of_every_type_is_described() -> None:
    for name, each in schema()["types"].items():
        assert each["description"], name
        assert all(one.get("description") for one in each["properties"].values()), name


def test_only_the_name_of_an_operator_must_be_given() -> None:
    resources = schema()["resources"]

    assert resources["rumpf:index:Distribution"]["requiredInputs"] == []
    assert resources["rumpf:index:InstalledOperator"]["requiredInputs"] == ["operator"]


def test_the_package_says_what_runs_it_and_what_it_needs() -> None:
    plugin = yaml.safe_load((INFRA / "component" / "PulumiPlugin.yaml").read_text())
    needed = (INFRA / "component" / "requirements.txt").read_text().split()

    assert (plugin["name"], plugin["runtime"]["name"]) == ("rumpf", "python")
    assert (INFRA / "component" / needed[1].partition("[")[0]).resolve() == ROOT


def registered(what: Any) -> Graph:  # noqa: ANN401 - a program
    return run("existing", what=what)


def test_one_operator_can_be_installed_by_itself() -> None:
    graph = registered(lambda: InstalledOperator("one", {"operator": FIRST}))
    shelf = Shelf.of(PROJECT)
    release = shelf.ledger.release(shelf.version)
    wanted = pinned_manifests(PROJECT.load(FIRST), release, Options())

    assert len(graph.objects) == len(wanted)
    assert all(plain(each.manifest) in wanted for each in graph.objects)


def test_two_distributions_can_be_in_one_stack() -> None:
    def two() -> None:
        for name in ("here", "there"):
            Distribution(name, {"operators": [FIRST], "context": name})

    graph = registered(two)

    assert len({each.urn for each in graph.resources}) == len(graph.resources)
    assert {each.inputs["context"] for each in graph.of_type("pulumi:providers:kubernetes")} == {
        "here",
        "there",
    }


def test_a_provider_that_is_passed_is_used_for_all() -> None:
    def passed() -> None:
        provider = pulumi.ProviderResource("kubernetes", "mine", {})
        Distribution("here", {"operators": [FIRST]}, pulumi.ResourceOptions(providers=[provider]))

    graph = registered(passed)

    assert [each.name for each in graph.of_type("pulumi:providers:kubernetes")] == ["mine"]
    assert {each.provider.rpartition("::")[0] for each in graph.objects} == {
        graph.one("pulumi:providers:kubernetes").urn
    }


def test_what_cannot_be_is_refused_with_where_it_was_said() -> None:
    with pytest.raises(UsageError) as raised:
        registered(lambda: InstalledOperator("one", {"operator": FIRST, "values": {"namespace": "No"}}))

    assert raised.value.where == f"values.{FIRST}.namespace"


def test_components_find_the_operators_wherever_they_are_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert registered(lambda: Distribution("here", {})).objects
