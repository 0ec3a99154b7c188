"""Secrets as sources: only where whoever installed the operator lets it read them."""

import pytest

from tests.e2e.configwatcher.stage import Stage, on_fake_nodes

cluster = on_fake_nodes

SECRET = "webapp-secret"  # noqa: S105 - a name
WITHHELD = pytest.mark.parametrize("stage", [{"secrets": False}], indirect=True, ids=["withheld"])


def test_a_changed_secret_restarts_pods_once(stage: Stage) -> None:
    stage.operator()
    stage.secret(data={"password": "first", "user": "me"})
    stage.deployment(replicas=2)
    stage.watcher(config=None, secrets=[{"name": SECRET}])
    stage.adopted()
    stage.patch("secrets", SECRET, {"stringData": {"password": "second"}})
    assert stage.restarted()["changes"] == [{"kind": "Secret", "name": SECRET, "keys": ["password"]}]
    stage.serves(replicas=2)
    assert stage.births() == 4


def test_of_a_secret_too_only_the_keys_that_were_named_count(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.secret(data={"password": "first", "note": "1"})
    stage.deployment()
    stage.watcher(config=None, secrets=[{"name": SECRET, "keys": ["password"]}])
    stage.adopted()
    stage.patch("secrets", SECRET, {"stringData": {"note": "2"}, "metadata": {"labels": {"a": "b"}}})
    stage.looked()
    stage.patch("secrets", SECRET, {"stringData": {"password": "second"}})
    assert stage.restarted()["changes"][0]["keys"] == ["password"]
    assert stage.births() == 2


def test_a_secret_that_is_made_anew_counts_by_its_content(stage: Stage) -> None:
    stage.operator()
    stage.secret()
    stage.deployment()
    stage.watcher(config=None, secrets=[{"name": SECRET}])
    stage.adopted()
    before = stage.status()["sources"][0]["hash"]
    stage.delete("secrets", SECRET)
    stage.says("Ready", "SourceMissing")
    stage.secret()
    stage.says("Ready", "Watching")
    # Its salt is another now, and so is the hash: that the content is the same is known all the same.
    stage.until(lambda: stage.status()["sources"][0]["hash"] != before, "it is recorded anew")
    stage.looked()
    assert stage.births() == 1
    stage.delete("secrets", SECRET)
    stage.secret(data={"password": "another"})
    assert stage.restarted()["changes"][0]["keys"] == ["password"]
    assert stage.births() == 2


def test_a_secret_and_a_configmap_that_change_together_are_one_restart(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.secret()
    stage.deployment()
    stage.watcher(secrets=[{"name": SECRET}], debounceSeconds=1)
    stage.adopted()
    stage.change(message="Updated!")
    stage.patch("secrets", SECRET, {"stringData": {"password": "second"}})
    assert {each["kind"] for each in stage.restarted()["changes"]} == {"ConfigMap", "Secret"}
    stage.looked()
    assert stage.births() == 2


def test_a_secret_that_changes_while_no_operator_runs_is_one_restart(stage: Stage) -> None:
    with stage.operator() as operator:
        stage.secret()
        stage.deployment()
        stage.watcher(config=None, secrets=[{"name": SECRET}])
        stage.adopted()
        operator.kill()
    with stage.operator() as operator:
        stage.looked()
        assert stage.births() == 1
        operator.kill()
    stage.patch("secrets", SECRET, {"stringData": {"password": "second"}})
    stage.operator()
    stage.restarted()
    stage.looked()
    assert stage.births() == 2


@WITHHELD
def test_where_secrets_may_not_be_read_it_says_so_and_does_the_rest(stage: Stage) -> None:
    operator = stage.operator()
    stage.configmap()
    stage.secret()
    stage.deployment()
    stage.watcher(secrets=[{"name": SECRET}])
    stage.says("Ready", "NotGranted", status="False")
    assert SECRET in stage.message()
    assert "--grant secrets=" in stage.message()
    stage.patch("secrets", SECRET, {"stringData": {"password": "second"}})
    stage.looked()
    assert stage.births() == 1
    stage.change(message="Updated!")
    stage.until(lambda: stage.restarts() == 1, "the ConfigMap counts all the same")
    assert stage.births() == 2
    assert stage.condition() == ("False", "NotGranted")
    assert "orbidden" not in operator.log.read_text()
    account = f"--as=system:serviceaccount:{stage.namespace}:configwatcher-operator"
    assert stage.kubectl.run("auth", "can-i", "get", "secrets", account).stdout == "no\n"
