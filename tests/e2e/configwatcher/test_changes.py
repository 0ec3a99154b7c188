"""Which changes restart Pods: those of content that matters, each once, and nothing else."""

import base64
from collections.abc import Mapping

import pytest

from tests.e2e.configwatcher.stage import APP, CONFIG, Field, Stage, on_fake_nodes, until
from tests.e2e.looks import has_looked

cluster = on_fake_nodes


def begin(stage: Stage, data: Mapping[str, str] | None = None, replicas: int = 1, **spec: Field) -> None:
    """Bring up an application whose ConfigMap is watched."""
    stage.configmap(data=data)
    stage.deployment(replicas=replicas)
    stage.watcher(**spec)
    stage.adopted()


def nothing_happened(stage: Stage, pods: int = 1) -> None:
    """Let the operator look, and see that no Pod was touched."""
    stage.looked()
    assert stage.births() == pods
    assert stage.restarts() == 0
    assert stage.status()["phase"] == "Watching"


def test_a_changed_key_replaces_every_pod_once(stage: Stage) -> None:
    stage.operator()
    begin(stage, replicas=3)
    before = stage.uids()
    stage.change(message="Updated!")
    last = stage.restarted()
    stage.serves(replicas=3)
    assert stage.uids().isdisjoint(before)
    assert stage.births() == 6
    assert last["changes"] == [{"kind": "ConfigMap", "name": CONFIG, "keys": ["message"]}]


def test_what_is_adopted_is_not_restarted(stage: Stage) -> None:
    stage.operator()
    begin(stage, replicas=2)
    nothing_happened(stage, pods=2)


def test_edits_of_metadata_restart_nothing(stage: Stage) -> None:
    stage.operator()
    begin(stage)
    stage.kubectl("annotate", "configmap", CONFIG, "note=new")
    stage.kubectl("label", "configmap", CONFIG, "team=a")
    stage.kubectl("annotate", "configmap", CONFIG, "note-")
    stage.patch("configmaps", CONFIG, {"metadata": {"finalizers": ["test.example/hold"]}})
    stage.patch("configmaps", CONFIG, {"metadata": {"finalizers": None}})
    nothing_happened(stage)


def test_content_that_is_written_again_as_it_was_restarts_nothing(stage: Stage) -> None:
    stage.operator()
    begin(stage, {"a": "1", "b": "2"})
    stage.patch("configmaps", CONFIG, {"data": {"b": "2", "a": "1"}})
    stage.patch("configmaps", CONFIG, {"immutable": True})
    nothing_happened(stage)


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [
        pytest.param({"a": "1"}, {"a": "1", "b": "2"}, ["b"], id="a key more"),
        pytest.param({"a": "1", "b": "2"}, {"a": "1"}, ["b"], id="a key less"),
        pytest.param({"a": "1"}, {}, ["a"], id="nothing left"),
        pytest.param({}, {"a": ""}, ["a"], id="an empty value"),
        pytest.param({"a": "1;b=2"}, {"a": "1", "b": "2"}, ["a", "b"], id="contents that look alike"),
        pytest.param({"a": "bc"}, {"ab": "c"}, ["a", "ab"], id="contents that join to the same"),
        pytest.param({"a": "x", "b": "y"}, {"a": "y", "b": "x"}, ["a", "b"], id="values swapped"),
    ],
)
def test_all_that_makes_another_content_counts_once(
    stage: Stage, before: dict[str, str], after: dict[str, str], keys: list[str]
) -> None:
    stage.operator()
    begin(stage, before)
    stage.patch("configmaps", CONFIG, {"data": {**dict.fromkeys(before), **after}})
    assert stage.restarted()["changes"][0]["keys"] == keys
    stage.serves()
    assert stage.births() == 2


def test_binary_data_is_content(stage: Stage) -> None:
    stage.operator()
    begin(stage)
    stage.patch("configmaps", CONFIG, {"binaryData": {"logo": base64.b64encode(b"\x00\xff").decode()}})
    assert stage.restarted()["changes"][0]["keys"] == ["logo"]
    stage.patch("configmaps", CONFIG, {"binaryData": {"logo": base64.b64encode(b"\x00\xfe").decode()}})
    assert stage.restarted(times=2)["changes"][0]["keys"] == ["logo"]
    stage.serves()
    assert stage.births() == 3


def test_an_immutable_configmap_that_is_replaced_counts_by_its_content(stage: Stage) -> None:
    stage.operator()
    stage.configmap(immutable=True)
    stage.deployment()
    stage.watcher()
    stage.adopted()
    stage.delete("configmaps", CONFIG)
    stage.says("Ready", "SourceMissing")
    stage.configmap(immutable=True)
    stage.says("Ready", "Watching")
    nothing_happened(stage)
    stage.delete("configmaps", CONFIG)
    stage.configmap(data={"message": "another"}, immutable=True)
    assert stage.restarted()["changes"][0]["keys"] == ["message"]
    assert stage.births() == 2


def test_only_the_keys_that_were_named_count(stage: Stage) -> None:
    stage.operator()
    stage.configmap(data={"a": "1", "b": "1", "c": "1"})
    stage.deployment()
    stage.watcher(config=None, configMaps=[{"name": CONFIG, "keys": ["a", "later"]}])
    stage.adopted()
    stage.change(b="2", c=None)
    nothing_happened(stage)
    stage.change(later="here")
    assert stage.restarted()["changes"][0]["keys"] == ["later"]
    stage.change(a="2", b="3")
    assert stage.restarted(times=2)["changes"][0]["keys"] == ["a"]


def test_other_keys_that_are_named_are_no_change(stage: Stage) -> None:
    stage.operator()
    stage.configmap(data={"a": "1", "b": "1"})
    stage.deployment()
    stage.watcher(config=None, configMaps=[{"name": CONFIG, "keys": ["a"]}])
    stage.adopted()
    stage.amend(configMaps=[{"name": CONFIG, "keys": ["b"]}])
    stage.adopted()
    stage.amend(configMaps=[{"name": CONFIG}])
    stage.adopted()
    nothing_happened(stage)
    stage.change(b="2")
    assert stage.restarted()["changes"][0]["keys"] == ["b"]


def test_sources_that_are_added_or_taken_away_are_no_change(stage: Stage) -> None:
    stage.operator()
    begin(stage)
    stage.configmap("more")
    stage.amend(configMaps=[{"name": "more"}])
    stage.until(lambda: len(stage.status()["sources"]) == 2, "the other source is seen")
    stage.amend(configMap=None)
    stage.until(lambda: names_of(stage) == ["more"], "the first source is forgotten")
    nothing_happened(stage)
    stage.change(message="of no interest any more")
    nothing_happened(stage)
    stage.change("more", message="of interest")
    assert stage.restarted()["reason"] == "ConfigMap more (message)"


def test_a_change_of_one_of_several_configmaps_is_one_restart(stage: Stage) -> None:
    stage.operator()
    for name in ("one", "two", "three"):
        stage.configmap(name)
    stage.deployment()
    stage.watcher(config="one", configMaps=[{"name": "two"}, {"name": "three", "keys": ["message"]}])
    stage.adopted()
    stage.change("three", message="Updated!")
    assert stage.restarted()["reason"] == "ConfigMap three (message)"
    stage.serves()
    assert stage.births() == 2


def test_a_source_that_goes_and_comes_back_counts_by_its_content(stage: Stage) -> None:
    stage.operator()
    begin(stage)
    stage.delete("configmaps", CONFIG)
    stage.says("Ready", "SourceMissing", status="False")
    assert CONFIG in stage.message()
    assert "SourceMissing" in stage.told("SourceMissing")["reason"]
    stage.configmap()
    stage.says("Ready", "Watching", status="True")
    nothing_happened(stage)
    stage.delete("configmaps", CONFIG)
    stage.says("Ready", "SourceMissing")
    stage.configmap(data={"message": "another"})
    stage.restarted()
    assert stage.births() == 2


def test_a_source_that_appears_restarts_the_pods_that_run_without_it(stage: Stage) -> None:
    stage.operator()
    stage.deployment()
    stage.watcher()
    stage.says("Ready", "SourceMissing", status="False")
    assert stage.status()["phase"] == "Pending"
    (pod,) = stage.of()
    stage.next_second(pod["metadata"]["creationTimestamp"])
    stage.configmap()
    assert stage.restarted()["reason"] == f"ConfigMap {CONFIG} (message)"
    stage.serves()
    assert stage.births() == 2


def test_several_watchers_of_the_same_pods_restart_each_once(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.configmap("other")
    stage.deployment(replicas=4)
    for number in range(3):
        stage.watcher(f"watcher-{number}", configMaps=[{"name": "other"}], debounceSeconds=1)
    stage.adopted("watcher-0", "watcher-1", "watcher-2")
    stage.change(message="Updated!")
    for number in range(3):
        stage.restarted(f"watcher-{number}")
    stage.serves(replicas=4)
    assert stage.births() == 8


def test_fifty_watchers_of_one_configmap_restart_their_own_pods_once(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    apps = [f"app-{number}" for number in range(50)]
    for app in apps:
        stage.deployment(app, ready=False)
        stage.watcher(app, app=app)
    for app in apps:
        stage.serves(app)
    stage.adopted(*apps)
    stage.change(message="Updated!")
    for app in apps:
        stage.restarted(app)
        assert stage.births(app) == 2


def test_a_configmap_of_a_mebibyte_is_content_like_any_other(stage: Stage) -> None:
    stage.operator()
    begin(stage, {"large": "x" * (1024 * 1024 - 200), "small": "1"})
    stage.change(small="2")
    assert stage.restarted()["changes"][0]["keys"] == ["small"]
    assert stage.births() == 2


def test_of_very_many_keys_none_is_named_and_none_is_missed(stage: Stage) -> None:
    stage.operator()
    begin(stage, {f"key-{number}": "1" for number in range(1000)})
    stage.change(**{"key-999": "2"})
    assert stage.restarted()["reason"] == f"ConfigMap {CONFIG}"
    assert stage.births() == 2


def test_changes_made_while_no_operator_ran_are_one_restart(stage: Stage) -> None:
    with stage.operator() as operator:
        begin(stage, replicas=2)
        operator.kill()
    for number in range(5):
        stage.change(message=f"change {number}")
    stage.operator()
    assert stage.restarted()["changes"][0]["keys"] == ["message"]
    stage.looked()
    stage.serves(replicas=2)
    assert stage.births() == 4
    assert stage.restarts() == 1


def test_a_change_that_was_taken_back_while_no_operator_ran_is_none(stage: Stage) -> None:
    with stage.operator() as operator:
        begin(stage)
        operator.kill()
    stage.change(message="for a moment")
    stage.change(message="Hello")
    stage.operator()
    nothing_happened(stage)


def test_an_operator_that_starts_anew_over_what_has_not_changed_writes_nothing(stage: Stage) -> None:
    with stage.operator(own=True) as operator:
        begin(stage)
        stage.watcher("second", app="nobody")
        stage.adopted("second")
        assert operator.stop() == 0
    before = [stage.get("configwatchers", name) for name in (APP, "second")]
    with stage.operator(own=True) as operator:
        until(lambda: has_looked(operator, "ConfigWatcher", 2), "a look at each")
    after = [stage.get("configwatchers", name) for name in (APP, "second")]
    assert after == before
    assert stage.births() == 1


def names_of(stage: Stage) -> list[str]:
    """Return the names of the sources that are recorded."""
    return [each["name"] for each in stage.status().get("sources", ())]
