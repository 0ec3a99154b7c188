"""The policy pack: what `rumpf check` refuses, a stack is refused for."""

from typing import cast

import pytest
from pulumi_policy import (
    EnforcementLevel,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from infra.policies import pack
from rumpf.manifests import render
from rumpf.manifests.policies import POLICIES
from rumpf.objects import Manifest
from rumpf.project import Project
from tests.infra.stack import ROOT

PACK = {each.name: each for each in pack()}
PROJECT = Project(ROOT)
GOOD = [manifest for name in PROJECT.names for manifest in render(PROJECT.load(name)).all]
BINDING: Manifest = {
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "all"},
    "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"},
}
WILDCARD: Manifest = {
    "kind": "Role",
    "metadata": {"name": "all", "namespace": "here"},
    "rules": [{"apiGroups": [""], "resources": ["*"], "verbs": ["get"]}],
}
NAKED: Manifest = {
    "kind": "Pod",
    "metadata": {"name": "naked", "namespace": "here"},
    "spec": {"containers": [{"name": "one", "image": "busybox"}]},
}


class Resource:
    """As much of a resource as a policy looks at."""

    def __init__(self, manifest: Manifest, type_: str) -> None:
        self.resource_type = type_
        self.props = manifest


def told(policy: str, *manifests: Manifest, type_: str = "kubernetes:some/v1:Kind") -> list[str]:
    found: list[str] = []
    resources = [Resource(each, type_) for each in manifests]

    def report(message: str, _: str | None) -> None:
        found.append(message)

    match PACK[policy]:
        case ResourceValidationPolicy() as each:
            for resource in resources:
                each.validate(cast("ResourceValidationArgs", resource), report)
        case StackValidationPolicy() as whole:
            whole.validate(cast("StackValidationArgs", type("Args", (), {"resources": resources})), report)
        case _:
            raise AssertionError(policy)
    return found


def test_every_policy_of_rumpf_check_is_in_the_pack() -> None:
    assert {each.__name__.replace("_", "-") for each in POLICIES} < set(PACK)
    assert all(each.description for each in PACK.values())


@pytest.mark.parametrize(
    ("policy", "manifest"),
    [
        ("no-cluster-admin", BINDING),
        ("no-wildcard", WILDCARD),
        ("restricted-pods", NAKED),
        ("requests-set", NAKED),
        ("images-pinned", NAKED),
    ],
)
def test_what_must_not_be_is_told_with_its_remedy(policy: str, manifest: Manifest) -> None:
    messages = told(policy, manifest)

    assert messages
    assert all("\n  -> " in each for each in messages)


def test_what_must_never_be_stops_the_update_and_a_tag_does_not() -> None:
    mandatory = {name for name, each in PACK.items() if each.enforcement_level is EnforcementLevel.MANDATORY}

    assert {"no-cluster-admin", "no-wildcard", "restricted-pods", "requests-set"} <= mandatory
    assert "images-pinned" not in mandatory


@pytest.mark.parametrize("policy", [name for name in PACK if name != "images-pinned"])
def test_what_rumpf_makes_keeps_all_policies(policy: str) -> None:
    assert told(policy, *GOOD) == []


def test_what_is_no_object_of_kubernetes_is_not_looked_at() -> None:
    assert told("no-cluster-admin", BINDING, type_="aws:iam/role:Role") == []
    assert told("no-cluster-admin", {"metadata": None, "roleRef": {"name": "cluster-admin"}}) == []
