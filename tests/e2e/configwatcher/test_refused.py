"""What makes no sense is refused with a message that names it, and does no harm to others."""

import json
from typing import Any

import pytest

from tests.e2e.configwatcher.stage import APP, Stage, on_fake_nodes

cluster = on_fake_nodes

ALL: dict[str, str] = {}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("a selector that is empty", {"podSelector": ALL}, "an empty podSelector would select every Pod"),
    (
        "labels that are empty",
        {"podSelector": {"matchLabels": {}}},
        "an empty podSelector would select every",
    ),
    ("expressions that are empty", {"podSelector": {"matchExpressions": []}}, "an empty podSelector would"),
    ("no selector", {"podSelector": None}, "spec.podSelector: Required value"),
    (
        "In without values",
        {"podSelector": {"matchExpressions": [{"key": "app", "operator": "In"}]}},
        "In and NotIn need values",
    ),
    (
        "Exists with values",
        {"podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists", "values": ["a"]}]}},
        "Exists and DoesNotExist take none",
    ),
    (
        "an operator that there is not",
        {"podSelector": {"matchExpressions": [{"key": "app", "operator": "Like", "values": ["a"]}]}},
        "spec.podSelector.matchExpressions[0].operator: Unsupported value",
    ),
    ("a label that cannot be", {"podSelector": {"matchLabels": {"app": "not a label!"}}}, "spec.podSelector"),
    ("a value with a comma", {"podSelector": {"matchLabels": {"app": "a,b=c"}}}, "spec.podSelector"),
    (
        "a value that cannot be",
        {"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["a)b"]}]}},
        "spec.podSelector.matchExpressions[0].values[0]",
    ),
    ("a key that cannot be", {"podSelector": {"matchLabels": {"a b": "c"}}}, "spec.podSelector"),
    ("nothing to watch", {"configMap": None}, "name something to watch"),
    ("empty lists", {"configMap": None, "configMaps": [], "secrets": []}, "name something to watch"),
    ("a name that cannot be", {"configMap": "Not_A_Name"}, "spec.configMap"),
    ("an empty name", {"configMap": ""}, "spec.configMap"),
    ("a ConfigMap twice", {"configMaps": [{"name": "a"}, {"name": "a"}]}, "Duplicate value"),
    ("a ConfigMap here and there", {"configMaps": [{"name": "webapp-config"}]}, "both in configMap and in"),
    ("a Secret twice", {"secrets": [{"name": "a"}, {"name": "a"}]}, "Duplicate value"),
    ("a source without a name", {"secrets": [{"keys": ["a"]}]}, "spec.secrets[0].name: Required value"),
    ("a key of no ConfigMap", {"configMaps": [{"name": "a", "keys": ["a b"]}]}, "configMaps[0].keys[0]"),
    ("an empty key", {"configMaps": [{"name": "a", "keys": [""]}]}, "configMaps[0].keys[0]"),
    ("an unknown strategy", {"strategy": "Pray"}, "spec.strategy: Unsupported value"),
    ("none unavailable", {"maxUnavailable": 0}, "maxUnavailable is a number from 1"),
    ("fewer than none unavailable", {"maxUnavailable": -1}, "maxUnavailable is a number from 1"),
    ("no percent", {"maxUnavailable": "0%"}, "maxUnavailable is a number from 1"),
    ("too many percent", {"maxUnavailable": "101%"}, "maxUnavailable is a number from 1"),
    ("a number in quotes", {"maxUnavailable": "3"}, "maxUnavailable is a number from 1"),
    ("a broken percentage", {"maxUnavailable": "2.5%"}, "maxUnavailable is a number from 1"),
    ("no deadline", {"progressDeadlineSeconds": 0}, "spec.progressDeadlineSeconds"),
    (
        "a deadline that comes too soon",
        {"progressDeadlineSeconds": 5, "minReadySeconds": 5},
        "must be longer than",
    ),
    ("a debounce in the past", {"debounceSeconds": -1}, "spec.debounceSeconds"),
    ("a debounce of more than a day", {"debounceSeconds": 86401}, "spec.debounceSeconds"),
    ("a debounce in words", {"debounceSeconds": "2s"}, "spec.debounceSeconds"),
    ("a negative interval", {"minIntervalSeconds": -1}, "spec.minIntervalSeconds"),
    ("a negative limit", {"maxRestartsPerHour": -1}, "spec.maxRestartsPerHour"),
    ("suspend in words", {"suspend": "yes"}, "spec.suspend"),
    ("a window without a length", {"windows": [{"cron": "0 2 * * *"}]}, "windows[0].minutes: Required value"),
    ("a window of no length", {"windows": [{"cron": "0 2 * * *", "minutes": 0}]}, "spec.windows[0].minutes"),
    ("a cron of four fields", {"windows": [{"cron": "0 2 * *", "minutes": 5}]}, "spec.windows[0].cron"),
    ("a cron of six fields", {"windows": [{"cron": "0 0 2 * * *", "minutes": 5}]}, "spec.windows[0].cron"),
    ("a field that there is not", {"podSelectors": {}}, 'unknown field "spec.podSelectors"'),
]
INVALID: list[tuple[str, dict[str, Any], str]] = [
    ("an hour that there is not", {"cron": "0 25 * * *", "minutes": 5}, "spec.windows[0].cron"),
    ("words", {"cron": "at two in the morning", "minutes": 5}, "spec.windows[0].cron"),
    ("a day that never comes", {"cron": "0 2 30 2 *", "minutes": 5}, "spec.windows[0].cron"),
    ("no such place", {"cron": "0 2 * * *", "minutes": 5, "timeZone": "Europe/Atlantis"}, "Europe/Atlantis"),
    ("a path", {"cron": "0 2 * * *", "minutes": 5, "timeZone": "../../etc/passwd"}, "windows[0].timeZone"),
    (
        "an absolute path",
        {"cron": "0 2 * * *", "minutes": 5, "timeZone": "/etc/passwd"},
        "windows[0].timeZone",
    ),
]


def test_the_api_server_refuses_what_makes_no_sense(stage: Stage, subtests: pytest.Subtests) -> None:
    stage.create("configwatchers", stage.manifest("good"))
    good = {"app.kubernetes.io/name": "a_b.c-1", "empty": "", "A": "9"}
    stage.watcher("labels", podSelector={"matchLabels": good})
    for what, spec, said in REFUSED:
        with subtests.test(what):
            manifest = stage.manifest("bad")
            manifest["spec"] = {
                key: value for key, value in {**manifest["spec"], **spec}.items() if value is not None
            }
            done = stage.kubectl.run("create", "--filename=-", input=json.dumps(manifest))
            if done.returncode == 0:
                stage.delete("configwatchers", "bad")
            assert done.returncode != 0, "it was taken"
            assert said in done.stderr


def test_what_only_the_operator_can_tell_is_said_in_a_condition(
    stage: Stage, subtests: pytest.Subtests
) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment()
    for number, (what, window, said) in enumerate(INVALID):
        with subtests.test(what):
            name = f"bad-{number}"
            good = {"cron": "* * * * *", "minutes": 5}
            stage.watcher(name, windows=[window])
            stage.says("Ready", "InvalidSpec", name, status="False")
            assert said in stage.message(name=name)
            assert said in stage.told("InvalidSpec", name=name)["note"]
            stage.amend(name, windows=[good])
            stage.says("Ready", "Watching", name, status="True")
            stage.amend(name, windows=[good, window])
            stage.says("Ready", "InvalidSpec", name)
            assert said.replace("[0]", "[1]") in stage.message(name=name)
    # None of them has kept another from its work, nor done any while it was invalid.
    stage.watcher()
    stage.adopted()
    stage.change(message="Updated!")
    stage.restarted()
    stage.serves()
    assert stage.births() == 2


def test_a_change_that_comes_while_the_spec_is_invalid_is_acted_upon_when_it_is_mended(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment()
    stage.watcher()
    stage.adopted()
    stage.amend(windows=[{"cron": "0 25 * * *", "minutes": 5}])
    stage.says("Ready", "InvalidSpec")
    stage.change(message="Updated!")
    stage.looked()
    assert stage.births(APP) == 1
    stage.amend(windows=[])
    stage.restarted()
    stage.serves()
    assert stage.births() == 2
