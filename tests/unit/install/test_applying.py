"""Whose an object is, and what of it is left to others, read from the object itself."""

from typing import Any

from rumpf.install.applying import Change, content, scaled


def deployment(manager: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {"name": "x", "managedFields": [{"manager": manager, "fieldsV1": {"f:spec": fields}}]},
        "spec": {"replicas": 2},
    }


def test_replicas_that_somebody_else_set_are_theirs() -> None:
    assert scaled(deployment("kubectl", {"f:replicas": {}}))
    assert scaled(deployment("an-autoscaler", {"f:replicas": {}}))
    assert not scaled(deployment("kubectl", {"f:paused": {}}))


def test_replicas_that_rumpf_set_are_its_own_also_while_it_stood_in() -> None:
    assert not scaled(deployment("rumpf-install", {"f:replicas": {}}))
    assert not scaled(deployment("rumpf-run", {"f:replicas": {}}))


def test_an_object_is_unchanged_where_only_what_the_api_server_counts_differs() -> None:
    before = {"metadata": {"name": "x", "resourceVersion": "1", "labels": {"a": "b"}}, "status": {"ready": 1}}
    after = {"metadata": {"name": "x", "resourceVersion": "2", "labels": {"a": "b"}}, "status": {"ready": 2}}
    assert content(before) == content(after)
    assert content(before) != content({**after, "spec": {}})


def test_a_change_reads_as_a_line() -> None:
    assert str(Change("Deployment", "home", "x", "created")) == "created    Deployment home/x"
    assert str(Change("Namespace", "", "x", "kept", "others live in it")) == (
        "kept       Namespace x: others live in it"
    )
