"""Rights that whoever installs an operator gives or withholds, and what is refused."""

from collections.abc import Sequence
from typing import Any

import pytest

from rumpf import ConfigMap, Grant, Operator, Rule, Secret, View, Watch
from rumpf.errors import DeclarationError, UsageError
from rumpf.manifests import Options, render
from rumpf.manifests.rules import access_of
from rumpf.operator import Index
from tests.unit.manifests.declared import declared

SECRETS = Grant("secrets", "Reads Secrets.")
NODES = Grant("read-nodes", "Reads Nodes, and Pods on them.", default=True)


def concerns(_: View, __: Index) -> list[tuple[str, str]]:
    return []


def operator() -> Operator:
    return declared(
        may=[Rule("", "nodes", ("get",), grant=NODES), Rule("", "services", ("list",), grant=NODES)],
        watches=[Watch(Secret, concerns, grant=SECRETS), Watch(ConfigMap, concerns)],
        grants=[SECRETS, NODES],
    )


def resources(rules: Sequence[Rule]) -> set[str]:
    return {rule.resource for rule in rules}


def test_what_nobody_speaks_of_is_given_as_the_declaration_says() -> None:
    access = access_of(operator())
    assert {"nodes", "services", "configmaps"} <= resources(access.everywhere)
    assert "secrets" not in resources(access.everywhere)
    assert access.granted == {}


def test_one_that_is_given_everywhere_holds_wherever_the_operator_is_at_work() -> None:
    everywhere = {"secrets": ("*",)}
    assert "secrets" in resources(access_of(operator(), (), everywhere).everywhere)
    some = access_of(operator(), ["a", "b"], everywhere)
    assert resources(some.everywhere) == {"nodes"}
    assert "secrets" in resources(some.within["a"]) & resources(some.within["b"])


def test_one_that_is_given_in_namespaces_holds_there_and_nowhere_else() -> None:
    access = access_of(operator(), ["a", "b"], {"secrets": ("a",)})
    assert {place: resources(rules) for place, rules in access.granted.items()} == {
        ("secrets", "a"): {"secrets"}
    }
    assert "secrets" not in resources((*access.everywhere, *access.within["a"], *access.within["b"]))


def test_what_is_in_no_namespace_is_given_in_the_cluster_if_anywhere_and_not_if_withheld() -> None:
    given = access_of(operator(), (), {"read-nodes": ("a",)})
    assert "nodes" in resources(given.everywhere)
    assert resources(given.granted["read-nodes", "a"]) == {"services"}
    withheld = access_of(operator(), (), {"read-nodes": ()})
    assert not {"nodes", "services"} & resources(withheld.everywhere)
    assert withheld.granted == {}


def test_the_namespaces_that_have_to_be_there_are_all_that_are_named() -> None:
    options = Options("home", watch=["b", "a"], grants={"x": ["a"], "y": ["*"], "z": []})
    assert options.places == ("home", "a", "b")
    assert Options(grants={"x": ["c", "a", "c"], "y": ["b"]}).places == ("a", "b", "c")
    assert Options().places == ()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"grants": {"x": ["A"]}}, "grant x: 'A' is not the name of a namespace"),
        ({"grants": {"x": ["*", "a"]}}, "grant x: everywhere, and in some namespaces too"),
        ({"grants": {"x": ["c"]}, "watch": ["a", "b"]}, "grant x: c is not among the namespaces that"),
    ],
    ids=str,
)
def test_places_that_cannot_be_are_refused(options: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError) as refusal:
        Options(**options)
    assert str(refusal.value).startswith(what)


def test_a_grant_that_the_operator_does_not_have_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(UsageError, match="note-operator has no grant secret") as refusal:
        render(operator(), Options(grants={"secret": ["*"]}))
    assert refusal.value.remedy == "it has read-nodes, secrets"


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("Secrets", "is not the name of a grant"),
        ("a_b", "is not"),
        ("a-", "is not"),
        ("a" * 41, "is not"),
        ("", "is not"),
        ("lease", "a Role called like 'lease' is there already"),
    ],
)
def test_a_grant_whose_name_cannot_be_is_refused(name: str, what: str) -> None:
    with pytest.raises(DeclarationError, match=what):
        Grant(name, "Something.")


def test_a_grant_that_says_nothing_of_what_it_is_for_is_refused() -> None:
    with pytest.raises(DeclarationError, match="nobody could tell"):
        Grant("secrets", " ")


@pytest.mark.parametrize(
    "options",
    [
        {"may": [Rule("", "secrets", ("get",), grant=SECRETS)]},
        {"watches": [Watch(Secret, concerns, grant=SECRETS)]},
        {"may": [Rule("", "secrets", ("get",), grant=SECRETS)], "grants": [NODES]},
    ],
    ids=["rule", "watch", "another"],
)
def test_a_grant_that_is_taken_and_was_not_declared_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match="takes the grant secrets, which nobody can give") as refusal:
        declared(**options)
    assert refusal.value.remedy.startswith("add it to grants=[...]")


def test_a_grant_that_gives_nothing_and_two_of_one_name_are_refused() -> None:
    with pytest.raises(DeclarationError, match="the grant secrets gives nothing"):
        declared(grants=[SECRETS])
    with pytest.raises(DeclarationError, match="two grants of one name"):
        declared(grants=[SECRETS, Grant("secrets", "Others.")])


def test_two_operators_can_take_the_same_grant() -> None:
    rule = Rule("", "secrets", ("get",), grant=SECRETS)
    assert declared(may=[rule], grants=[SECRETS]).grants == declared(may=[rule], grants=[SECRETS]).grants
