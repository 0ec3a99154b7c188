"""What no manifest may do: each policy finds its own kind of wrong, and what rumpf makes is right."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from rumpf import Grant, Rule
from rumpf.manifests import Options, render
from rumpf.manifests.policies import OF_SAMPLES, POLICIES, images_pinned, violations
from rumpf.objects import Manifest
from tests.unit.manifests.declared import declared

Change = Callable[[dict[str, Manifest]], Any]


def changed(change: Change, options: Options | None = None) -> list[tuple[str, str, str]]:
    """Return what is wrong after a change to one of the objects: of each kind the first."""
    manifests = copy.deepcopy(render(declared(), options or Options()).all)
    change({each["kind"]: each for each in reversed(manifests)})
    return [(each.policy, each.where, each.what) for each in violations(manifests)]


@pytest.mark.parametrize(
    "options", [Options(), Options(namespace="a"), Options(watch=["a", "b"])], ids=["all", "there", "some"]
)
def test_what_rumpf_makes_keeps_every_policy(options: Options) -> None:
    assert violations(render(declared(), options).all) == ()


def pod(manifests: dict[str, Manifest]) -> dict[str, Any]:
    spec: dict[str, Any] = manifests["Deployment"]["spec"]["template"]["spec"]
    return spec


def container(manifests: dict[str, Manifest]) -> dict[str, Any]:
    found: dict[str, Any] = pod(manifests)["containers"][0]
    return found


def rule(manifests: dict[str, Manifest], **more: list[str]) -> None:
    manifests["ClusterRole"]["rules"].append(
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], **more}
    )


DEPLOYMENT = "Deployment note-operator/note-operator"
IN_POD = f"{DEPLOYMENT}, containers[0]"
ROLE, BINDING = "ClusterRole note-operator", "ClusterRoleBinding note-operator"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda all_: all_["ClusterRoleBinding"]["roleRef"].update(name="cluster-admin"),
            ("no-cluster-admin", BINDING, "it binds cluster-admin"),
        ),
        (
            lambda all_: rule(all_, resources=["clusterroles"], verbs=["escalate", "bind"]),
            ("no-cluster-admin", ROLE, "bind, escalate lets it become anybody"),
        ),
        (lambda all_: rule(all_, verbs=["*"]), ("no-wildcard", ROLE, "verbs has a *")),
        (lambda all_: rule(all_, resources=["*/status"]), ("no-wildcard", ROLE, "resources has a *")),
        (lambda all_: rule(all_, apiGroups=["*"]), ("no-wildcard", ROLE, "apiGroups has a *")),
        (
            lambda all_: rule(all_, apiGroups=["apps/v1"]),
            ("rules-that-grant", ROLE, "apps/v1 is a group with its version: the rule grants nothing"),
        ),
        (
            lambda all_: rule(all_, resourceNames=["one"], verbs=["create"]),
            ("rules-that-grant", ROLE, "create is never granted for certain names"),
        ),
        (
            lambda all_: rule(all_, verbs=["watch"]),
            ("secrets-by-grant", ROLE, "it reads the Secrets of the whole cluster"),
        ),
        (
            lambda all_: container(all_)["securityContext"].pop("readOnlyRootFilesystem"),
            ("restricted-pods", f"{IN_POD}.securityContext", "it can write to its root file system"),
        ),
        (
            lambda all_: pod(all_).update(hostNetwork=True),
            ("restricted-pods", f"{DEPLOYMENT}, hostNetwork", "it shares the node's"),
        ),
        (
            lambda all_: container(all_).pop("resources"),
            ("requests-set", f"{IN_POD}.resources.requests", "no cpu and no memory"),
        ),
        (
            lambda all_: container(all_)["resources"].pop("limits"),
            ("requests-set", f"{IN_POD}.resources.limits", "no memory"),
        ),
        (
            lambda all_: container(all_).pop("livenessProbe"),
            ("probed", f"{IN_POD}.livenessProbe", "there is none"),
        ),
        (
            lambda all_: pod(all_).update(serviceAccountName="other"),
            ("all-there", DEPLOYMENT, "there is no ServiceAccount other in note-operator"),
        ),
        (
            lambda all_: pod(all_).pop("serviceAccountName"),
            ("all-there", DEPLOYMENT, "there is no ServiceAccount default in note-operator"),
        ),
        (
            lambda all_: all_["ClusterRoleBinding"]["roleRef"].update(name="other"),
            ("all-there", BINDING, "there is no ClusterRole other"),
        ),
        (
            lambda all_: all_["ClusterRoleBinding"]["subjects"][0].update(namespace="other"),
            ("all-there", BINDING, "there is no ServiceAccount note-operator in other"),
        ),
        (
            lambda all_: all_["Service"]["spec"]["selector"].update(a="b"),
            (
                "all-there",
                "Service note-operator/note-operator",
                "it selects no Pod: {'app.kubernetes.io/name': 'note-operator', 'a': 'b'}",
            ),
        ),
        (
            lambda all_: all_["NetworkPolicy"]["metadata"].update(namespace="other"),
            (
                "all-there",
                "NetworkPolicy other/note-operator",
                "it selects no Pod: {'app.kubernetes.io/name': 'note-operator'}",
            ),
        ),
    ],
)
def test_a_policy_finds_what_is_wrong_and_says_where(change: Change, found: tuple[str, str, str]) -> None:
    assert found in changed(change)


@pytest.mark.parametrize(
    "more",
    [{"resourceNames": ["one"]}, {"verbs": ["create", "get", "list", "watch"]}, {"verbs": ["delete"]}],
    ids=["certain ones", "its own", "nothing read"],
)
def test_what_does_not_read_the_secrets_of_others_may_have_to_do_with_secrets(
    more: dict[str, list[str]],
) -> None:
    assert changed(lambda all_: rule(all_, **more)) == []


def test_secrets_are_read_where_whoever_installs_it_said_so() -> None:
    grant = Grant("secrets", "Reads them.")
    operator = declared(may=[Rule("", "secrets", ("get",), grant=grant)], grants=[grant])
    assert violations(render(operator).all) == ()
    assert violations(render(operator, Options(grants={"secrets": ["a"]})).all) == ()


def test_every_policy_that_is_claimed_is_among_those_tested() -> None:
    marks = test_a_policy_finds_what_is_wrong_and_says_where.pytestmark  # type: ignore[attr-defined]
    tested = {found[0] for _, found in marks[0].args[1]}
    assert tested == {policy.__name__.replace("_", "-") for policy in POLICIES}


def test_an_image_is_pinned_by_its_digest_and_by_nothing_else() -> None:
    def loose(image: str) -> list[str]:
        manifests = render(declared(), Options(image=image)).all
        return [each.what for each in violations(manifests, [images_pinned])]

    assert loose("registry/a:1.2.3") == ["registry/a:1.2.3 can change"]
    assert loose("registry/a@sha256:" + "0" * 64) == []


def test_a_sample_may_lean_on_what_every_namespace_has_but_not_on_pods_that_are_not_there() -> None:
    labels = {"app": "web"}
    deployment = {
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}},
    }
    service = {"kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "other"}}}
    found = [(each.where, each.what) for each in violations([deployment, service], OF_SAMPLES)]
    assert found == [("Service web", "it selects no Pod: {'app': 'other'}")]
