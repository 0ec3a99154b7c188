"""What is said of grants that an installation takes away again."""

from typing import Any

import pytest

from rumpf import Grant
from rumpf.install.belongings import Belonging
from rumpf.install.kinds import DEPLOYMENT, ROLE
from rumpf.install.withdrawn import given_by, lost
from rumpf.kinds import Kind
from tests.unit.install.operators import made

SECRETS = Grant("secrets", "Reads them.")
EVERYWHERE = ("*",)


def part(kind: Kind, namespace: str, name: str, raw: dict[str, Any] | None = None) -> Belonging:
    return Belonging(kind, namespace, name, "1", "thing", raw or {})


def deployment(said: str) -> Belonging:
    env = [{"name": "POD_NAME", "valueFrom": {}}, {"name": SECRETS.variable, "value": said}]
    raw = {"spec": {"template": {"spec": {"containers": [{"env": env}]}}}}
    return part(DEPLOYMENT, "thing-operator", "thing-operator", raw)


def test_each_namespace_that_loses_a_grant_is_named_with_how_to_keep_it() -> None:
    assert lost("secrets", ["team-a"], ["team-b"]) == [
        "warning: team-a loses the grant secrets; to keep it: --grant secrets=team-a,team-b"
    ]
    assert lost("secrets", ["team-a", "team-b"], []) == [
        "warning: team-a loses the grant secrets; to keep it: --grant secrets=team-a,team-b",
        "warning: team-b loses the grant secrets; to keep it: --grant secrets=team-a,team-b",
    ]


@pytest.mark.parametrize(
    ("before", "now"),
    [([], []), ([], ["a"]), (["a"], ["a", "b"]), (["a"], EVERYWHERE), (EVERYWHERE, EVERYWHERE)],
)
def test_who_keeps_a_grant_or_gets_one_is_told_nothing(before: list[str], now: list[str]) -> None:
    assert lost("secrets", before, now) == []


@pytest.mark.parametrize(
    ("now", "who"), [(["a", "b"], "every namespace but a, b"), ([], "every namespace")], ids=["some", "none"]
)
def test_what_was_given_everywhere_is_lost_in_every_namespace(now: list[str], who: str) -> None:
    assert lost("secrets", EVERYWHERE, now) == [
        f"warning: {who} loses the grant secrets; to keep it: --grant secrets"
    ]


def test_a_namespace_that_is_not_watched_any_more_loses_it_too() -> None:
    assert lost("secrets", ["a", "b"], EVERYWHERE, watch=["a"]) == [
        "warning: b loses the grant secrets; to keep it: --watch b --grant secrets"
    ]


def test_where_a_grant_is_given_is_told_by_its_roles_and_by_the_deployment() -> None:
    operator = made(grants=[SECRETS])
    role = part(ROLE, "a", "thing-operator-secrets")
    others = [part(ROLE, "x", "thing-operator"), part(ROLE, "y", "thing-operator-lease")]
    assert given_by(operator, SECRETS, [role, *others]) == ("a",)
    assert given_by(operator, SECRETS, [role, deployment("b,c")]) == ("a", "b", "c")
    assert given_by(operator, SECRETS, [role, deployment("*")]) == EVERYWHERE
    assert given_by(operator, SECRETS, [deployment(""), part(DEPLOYMENT, "z", "other")]) == ()
