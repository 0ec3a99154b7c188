"""What a ConfigWatcher tells people, and what it never tells."""

import json
import re
from datetime import datetime

import pytest

from tests.e2e.configwatcher.stage import APP, CONFIG, Stage, on_fake_nodes, until

cluster = on_fake_nodes

SECRETS = pytest.mark.parametrize("stage", [{"secrets": True}], indirect=True, ids=["granted"])
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_its_status_tells_what_was_done_when_and_why(stage: Stage) -> None:
    stage.operator()
    stage.configmap(data={"message": "Hello", "color": "blue"})
    stage.deployment(replicas=3)
    created = stage.watcher()
    stage.adopted()
    status = stage.status()
    assert status["observedGeneration"] == 1
    assert status["pods"] == 3
    (source,) = status["sources"]
    assert (source["kind"], source["name"], sorted(source["keys"])) == (
        "ConfigMap",
        CONFIG,
        ["color", "message"],
    )
    assert re.fullmatch("[0-9a-f]{32}", source["hash"])
    for type_, said in {"Ready": "True", "Progressing": "False", "Degraded": "False"}.items():
        assert stage.condition(type_) == (said, "Watching")
    assert {"pending", "rollout", "lastRestart", "outdated"}.isdisjoint(status)
    stage.change(message="Updated!", color=None)
    last = stage.restarted()
    assert last["reason"] == f"ConfigMap {CONFIG} (color, message)"
    assert last["changes"] == [{"kind": "ConfigMap", "name": CONFIG, "keys": ["color", "message"]}]
    assert last["pods"] == 3
    assert re.fullmatch(TIME, last["startedAt"])
    assert re.fullmatch(TIME, last["finishedAt"])
    took = datetime.fromisoformat(last["finishedAt"]) - datetime.fromisoformat(last["startedAt"])
    assert last["durationSeconds"] == round(took.total_seconds())
    status = stage.status()
    assert status["sources"][0]["hash"] != source["hash"]
    assert sorted(status["sources"][0]["keys"]) == ["message"]
    assert {"pending", "rollout", "outdated"}.isdisjoint(status)
    assert stage.get("configwatchers", APP)["spec"] == created["spec"], "nobody writes to the spec"


def test_while_it_restarts_it_tells_how_it_gets_on(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment(replicas=2)
    stage.watcher()
    stage.adopted()
    stage.budget()
    stage.change(message="Updated!")
    stage.says("Progressing", "Blocked", status="True")
    status = stage.status()
    assert status["phase"] == "Restarting"
    assert (status["rollout"]["pods"], status["rollout"]["outdated"]) == (2, 2)
    assert len(status["outdated"]) == 2
    assert stage.condition("Ready")[0] == "True"
    stage.delete("poddisruptionbudgets", APP)
    stage.restarted()
    assert "outdated" not in stage.status()


def test_events_tell_it_where_people_look(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment(replicas=2)
    stage.watcher()
    stage.adopted()
    stage.change(message="Updated!")
    stage.restarted()
    why = f"because of ConfigMap {CONFIG} (message)"
    assert stage.told("Restarting")["note"] == f"2 Pods, {why}"
    assert stage.told("Restarted")["note"] == f"2 Pods, {why}"
    assert {each["type"] for each in stage.events()} == {"Normal"}
    event = stage.told("ConfigChanged", "Deployment", APP)
    assert why in event["note"]
    assert event["regarding"]["uid"] == stage.get("deployments", APP)["metadata"]["uid"]
    described = stage.kubectl("describe", "deployment", APP)
    assert why in described


def test_its_columns_are_what_one_wants_to_know(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment(replicas=2)
    stage.watcher()
    stage.adopted()
    head, row = (line.split() for line in stage.kubectl("get", "cw", APP).splitlines())
    assert head == ["NAME", "CONFIGMAP", "PHASE", "PODS", "RESTARTED", "AGE"]
    assert row[:4] == [APP, CONFIG, "Watching", "2"]
    stage.change(message="Updated!")
    stage.restarted()
    wide = stage.kubectl("get", "configwatcher", APP, "--output=wide")
    assert "Evict" in wide
    assert f"ConfigMap {CONFIG} (message)" in wide


def test_scripts_can_wait_for_it(stage: Stage) -> None:
    stage.operator()
    stage.watcher()
    wait = ("wait", f"configwatcher/{APP}", "--timeout=30s")
    stage.kubectl(*wait, "--for=condition=Ready=False")
    stage.configmap()
    stage.deployment()
    stage.kubectl(*wait, "--for=condition=Ready")
    stage.kubectl(*wait, "--for=jsonpath={.status.phase}=Watching")
    stage.change(message="Updated!")
    stage.kubectl(*wait, "--for=jsonpath={.status.lastRestart.pods}=1")
    stage.kubectl(*wait, "--for=condition=Progressing=False")


def test_kubectl_explains_every_field(stage: Stage) -> None:
    said = stage.kubectl("explain", "configwatcher.spec", "--recursive")
    for field in ("podSelector", "maxUnavailable", "debounceSeconds", "windows", "strategy", "allowBare"):
        assert field in said
    assert "PodDisruptionBudgets" in stage.kubectl("explain", "configwatcher.spec.strategy")


@SECRETS
def test_no_value_is_told_anywhere(stage: Stage) -> None:
    values = ["visible-config-value", "another-config-value", "hunter2-first", "hunter2-second"]
    operator = stage.operator(environment={"RUMPF_LOG_LEVEL": "DEBUG"})
    stage.configmap(data={"message": values[0]})
    stage.secret(data={"password": values[2]})
    stage.deployment()
    stage.watcher(secrets=[{"name": "webapp-secret"}])
    stage.adopted()
    stage.change(message=values[1])
    stage.restarted()
    stage.patch("secrets", "webapp-secret", {"stringData": {"password": values[3]}})
    assert stage.restarted(times=2)["reason"] == "Secret webapp-secret (password)"
    stage.told("Restarted")
    places = {
        "status": json.dumps(stage.watchers.frames),
        "Events": json.dumps([stage.events(), stage.events("Deployment")]),
        "log": operator.log.read_text(),
        "metrics": operator.get("/metrics")[1],
    }
    encoded = ["aHVudGVyMi1maXJzd", "aHVudGVyMi1zZWNvbm"]
    for place, said in places.items():
        assert said
        for value in (*values, *encoded):
            assert value not in said, f"a value is in the {place}"


def test_hashes_tell_nothing_across_watchers_or_secrets(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    for name in ("one", "two"):
        stage.secret(name, {"password": "the same"})
        stage.watcher(name, secrets=[{"name": name}])
    stage.adopted("one", "two")
    hashes = [source["hash"] for name in ("one", "two") for source in stage.status(name)["sources"]]
    assert len(set(hashes)) == 4
    keys = [
        mark
        for name in ("one", "two")
        for source in stage.status(name)["sources"]
        for mark in source["keys"].values()
    ]
    assert len(set(keys)) == 4


def test_metrics_count_restarts_and_pods_and_measure_how_long_it_took(stage: Stage) -> None:
    operator = stage.operator(own=True)
    stage.configmap()
    stage.deployment(replicas=3)
    stage.watcher()
    stage.adopted()
    assert "configwatcher_latency_seconds_count 0" in operator.get("/metrics")[1]
    for number in (1, 2):
        stage.change(message=f"change {number}")
        stage.restarted(times=number)
    until(
        lambda: 'configwatcher_restarts_total{result="done"} 2' in operator.get("/metrics")[1],
        "two are counted",
    )
    served = operator.get("/metrics")[1]
    assert 'configwatcher_pods_replaced_total{strategy="Evict"} 6' in served
    assert "configwatcher_latency_seconds_count 2" in served
    (total,) = re.findall(r"^configwatcher_latency_seconds_sum (\S+)$", served, re.MULTILINE)
    assert 0 < float(total) < 60
