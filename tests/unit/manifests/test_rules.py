"""Rules as they come out: merged, sorted, and where they hold."""

import itertools
import random

import pytest

from rumpf import Rule
from rumpf.errors import DeclarationError
from rumpf.manifests.rules import access_of, in_namespaces, policy_rules
from rumpf.objects import Manifest
from tests.unit.manifests.declared import declared

VERBS = ("create", "delete", "get", "list", "patch", "update", "watch")
NAMED = ("delete", "get", "patch", "update")


def granted(rules: list[Manifest]) -> set[tuple[str, str, str, str]]:
    """Return every single right in rules: group, resource, name, verb."""
    return {
        right
        for rule in rules
        for right in itertools.product(
            rule["apiGroups"], rule["resources"], rule.get("resourceNames", [""]), rule["verbs"]
        )
    }


@pytest.mark.parametrize("seed", range(30))
def test_merged_rules_grant_exactly_what_the_single_ones_did(seed: int) -> None:
    some = random.Random(seed)  # noqa: S311 - no secret
    rules = []
    for _ in range(some.randint(1, 12)):
        names = tuple(some.sample(["one", "two", "three"], some.randint(0, 2)))
        verbs = tuple(some.sample(NAMED if names else VERBS, some.randint(1, 3)))
        rules.append(Rule(some.choice(["", "apps"]), some.choice(["pods", "secrets", "jobs"]), verbs, names))
    wanted = {
        (rule.group, rule.resource, name, verb)
        for rule in rules
        for name in rule.names or ("",)
        for verb in rule.verbs
    }
    # A right on all objects includes that on one of them.
    least = {right for right in wanted if not right[2] or (*right[:2], "", right[3]) not in wanted}
    merged = policy_rules(rules)
    assert granted(merged) == least
    some.shuffle(rules)
    assert policy_rules(rules) == merged
    said = [right for rule in merged for right in granted([rule])]
    assert len(said) == len(set(said))


def test_rules_of_one_group_with_the_same_verbs_are_one() -> None:
    rules = [Rule("", "secrets", ("get",)), Rule("", "configmaps", ("get",)), Rule("apps", "a", ("get",))]
    assert policy_rules(rules) == [
        {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["get"]},
        {"apiGroups": ["apps"], "resources": ["a"], "verbs": ["get"]},
    ]


def test_a_lease_can_be_taken_in_its_own_namespace_under_its_own_name_alone() -> None:
    assert policy_rules(access_of(declared()).at_home) == [
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": ["note-operator"],
            "verbs": ["get", "update"],
        },
    ]


def test_one_that_looks_after_some_namespaces_has_no_right_in_others() -> None:
    access = access_of(declared(), ["b", "a"])
    assert access.everywhere == ()
    assert set(access.within) == {"a", "b"}
    everywhere = access_of(declared()).everywhere
    assert set(access.within["a"]) == set(access.within["b"]) == set(everywhere)


def test_only_what_is_in_no_namespace_stays_in_the_cluster_role() -> None:
    operator = declared(
        may=[
            Rule("", "nodes/status", ("get",)),
            Rule("", "endpoints", ("get",)),
            Rule("x.example.com", "globals", ("get",), namespaced=False),
        ]
    )
    access = access_of(operator, ["a"])
    assert {rule.resource for rule in access.everywhere} == {"nodes/status", "globals"}
    assert {"endpoints", "pods", "events"} <= {rule.resource for rule in access.within["a"]}


def test_whether_kubernetes_own_kinds_are_in_namespaces_is_known() -> None:
    assert not in_namespaces(Rule("", "nodes", ("get",)))
    assert not in_namespaces(Rule("storage.k8s.io", "storageclasses", ("get",)))
    assert in_namespaces(Rule("", "pods/eviction", ("create",)))
    assert in_namespaces(Rule("example.com", "nodes", ("get",)))


def test_a_rule_for_creating_certain_names_is_refused_as_it_grants_nothing() -> None:
    with pytest.raises(DeclarationError, match="create of certain names"):
        Rule("", "secrets", ("create", "get"), names=("one",))
