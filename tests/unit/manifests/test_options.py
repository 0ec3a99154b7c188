"""What whoever installs an operator may choose, and what is refused before anything is made of it."""

from typing import Any

import pytest

from rumpf import Setting
from rumpf.errors import DeclarationError, UsageError
from rumpf.manifests import Options, render
from rumpf.objects import Manifest
from tests.unit.manifests.declared import declared


def only(manifests: tuple[Manifest, ...], kind: str) -> Manifest:
    """Return the one object of a kind."""
    (found,) = [each for each in manifests if each["kind"] == kind]
    return found


def environment(deploy: tuple[Manifest, ...]) -> dict[str, Any]:
    """Return the variables of the operator's process."""
    (container,) = only(deploy, "Deployment")["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each.get("value") for each in container["env"]}


def test_by_default_an_operator_has_a_namespace_of_its_own_which_is_applied_first() -> None:
    rendered = render(declared())
    assert rendered.namespace == "note-operator"
    assert (rendered.deploy[0]["kind"], rendered.deploy[0]["metadata"]["name"]) == (
        "Namespace",
        "note-operator",
    )


def test_a_namespace_that_is_named_is_not_made_and_so_never_deleted_with_the_operator() -> None:
    rendered = render(declared(), Options(namespace="tools"))
    assert rendered.namespace == "tools"
    assert "Namespace" not in {each["kind"] for each in rendered.deploy}
    assert {each["metadata"].get("namespace", "tools") for each in rendered.deploy} == {"tools"}


def test_all_is_what_installs_in_one_go_and_has_no_samples() -> None:
    sample = {"apiVersion": "notes.example.com/v1", "kind": "Note", "metadata": {"name": "a"}}
    rendered = render(declared(samples=[sample | {"spec": {"text": "hi"}}]))
    assert rendered.all == (*rendered.crds, *rendered.deploy)
    assert [each["kind"] for each in rendered.samples] == ["Note"]
    assert [each["kind"] for each in rendered.crds] == ["CustomResourceDefinition"]


def test_everything_carries_the_labels_by_which_it_is_found_again() -> None:
    for each in render(declared()).all:
        labels = each["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "note-operator"
        assert labels["app.kubernetes.io/managed-by"] == "rumpf"
        assert labels["rumpf.dev/operator"] == "note"


def test_named_namespaces_are_told_to_the_process_sorted_and_once() -> None:
    rendered = render(declared(), Options(watch=["b", "a", "b"]))
    assert environment(rendered.deploy)["WATCH_NAMESPACE"] == "a,b"
    assert "WATCH_NAMESPACE" not in environment(render(declared()).deploy)


def test_a_setting_has_its_default_until_it_is_chosen() -> None:
    operator = declared(
        settings=[Setting("NOTE_SIZE", "small", "Size."), Setting("NOTE_INK", "blue", "Ink.")]
    )
    chosen = environment(render(operator, Options(settings={"NOTE_INK": "red"})).deploy)
    assert (chosen["NOTE_SIZE"], chosen["NOTE_INK"]) == ("small", "red")


def test_a_setting_reaches_the_process_as_it_was_written() -> None:
    operator = declared(settings=[Setting("NOTE_PRICE", "$(HOME) $5", "Price.")])
    # Kubernetes makes one $ of two, and looks for a variable after a single one.
    assert environment(render(operator).deploy)["NOTE_PRICE"] == "$$(HOME) $$5"


def test_a_value_that_does_not_match_is_refused() -> None:
    operator = declared(settings=[Setting("NOTE_SIZE", "5", "Size.", pattern="[0-9]+")])
    assert environment(render(operator, Options(settings={"NOTE_SIZE": "7"})).deploy)["NOTE_SIZE"] == "7"
    with pytest.raises(UsageError, match="NOTE_SIZE: it cannot be '7 m'") as refusal:
        render(operator, Options(settings={"NOTE_SIZE": "7 m"}))
    assert refusal.value.remedy == "write one that matches [0-9]+"


@pytest.mark.parametrize(("default", "pattern"), [("small", "[0-9]+"), ("", ".")])
def test_a_default_that_does_not_match_is_no_declaration(default: str, pattern: str) -> None:
    with pytest.raises(DeclarationError, match="the default"):
        Setting("NOTE_SIZE", default, "Size.", pattern=pattern)


def test_a_pattern_that_is_no_regular_expression_is_told_as_that() -> None:
    with pytest.raises(DeclarationError, match="'\\[' is no regular expression: unterminated"):
        Setting("NOTE_SIZE", "5", "Size.", pattern="[")


def test_a_setting_that_the_operator_does_not_have_is_refused() -> None:
    operator = declared(settings=[Setting("NOTE_INK", "blue", "Ink.")])
    with pytest.raises(UsageError, match="note-operator has no setting NOTE_INC") as refusal:
        render(operator, Options(settings={"NOTE_INC": "red"}))
    assert refusal.value.remedy == "it has NOTE_INK"


@pytest.mark.parametrize("name", ["POD_NAME", "WATCH_NAMESPACE", "RUMPF_HTTP"])
def test_a_setting_never_takes_the_place_of_rumpfs_own_variables(name: str) -> None:
    with pytest.raises(DeclarationError, match=f"{name} would take the place") as refusal:
        render(declared(settings=[Setting(name, "", "Mine.")]))
    assert "NOTE_..." in refusal.value.remedy


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"namespace": "Tools"}, "namespace: 'Tools' is not the name of a namespace"),
        ({"namespace": "-"}, "namespace: '-' is not"),
        ({"watch": ["ok", ""]}, "watch: '' is not"),
        ({"watch": ["a,b"]}, "watch: 'a,b' is not"),
        ({"image": ""}, "image: '' is no image"),
        ({"image": "two words"}, "image: 'two words' is no image"),
        ({"replicas": 0}, "replicas: 0 replicas"),
    ],
    ids=str,
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError) as refusal:
        Options(**options)
    assert str(refusal.value).startswith(what)


def test_a_budget_is_there_where_there_is_something_to_keep() -> None:
    def budgets(replicas: int | None) -> int:
        rendered = render(declared(), Options(replicas=replicas))
        return sum(each["kind"] == "PodDisruptionBudget" for each in rendered.deploy)

    assert [budgets(None), budgets(3), budgets(1)] == [1, 1, 0]


def test_a_name_with_dashes_is_a_package_with_underscores() -> None:
    operator = declared()
    object.__setattr__(operator, "name", "long-note")
    (container,) = only(render(operator).deploy, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["python3", "-m", "rumpf.runtime", "operators.long_note"]
