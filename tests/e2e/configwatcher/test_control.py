"""What keeps a restart waiting, and who may say when: all of it outlives the operator."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.configwatcher.admin import Object
from tests.e2e.configwatcher.stage import APP, CONFIG, RESTART, Field, Stage, on_fake_nodes

cluster = on_fake_nodes

OPEN = {"cron": "* * * * *", "minutes": 5}
CLOSED = {"cron": f"0 0 1 {(datetime.now(UTC).month + 5) % 12 + 1} *", "minutes": 1, "timeZone": "Asia/Seoul"}
"""About half a year from now."""


def begin(stage: Stage, name: str = APP, **spec: Field) -> None:
    """Bring up an application whose ConfigMap, of the same name, is watched."""
    stage.configmap(name)
    stage.deployment(name)
    stage.watcher(name, app=name, config=name, **spec)
    stage.adopted(name)


def untouched(stage: Stage, app: str = APP, births: int = 1) -> None:
    """Let the operator look, and see that no Pod was touched."""
    stage.looked()
    assert stage.births(app) == births


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


# --- calm ---


def test_a_burst_of_changes_of_several_sources_is_one_restart_after_the_last(stage: Stage) -> None:
    stage.operator()
    for name in ("one", "two", "three"):
        stage.configmap(name)
    stage.deployment(replicas=2)
    stage.watcher(
        config=None, configMaps=[{"name": "one"}, {"name": "two"}, {"name": "three"}], debounceSeconds=2
    )
    stage.adopted()
    for number in range(30):
        for name in ("one", "two"):
            stage.change(name, message=f"change {number}")
    changed = stage.change("three", message="the last change")
    last_change = datetime.now(UTC)
    stage.says("Progressing", "Debounce", status="True")
    assert stage.births() == 2
    last = stage.restarted()
    assert moment(last["startedAt"]) >= last_change + timedelta(seconds=1.9)
    assert [each["name"] for each in last["changes"]] == ["one", "two", "three"]
    stage.looked()
    assert stage.births() == 4
    assert stage.are_newer(changed)
    assert stage.restarts() == 1


def test_a_source_that_never_rests_is_acted_upon_all_the_same(stage: Stage) -> None:
    stage.operator()
    begin(stage, debounceSeconds=1)
    began = datetime.now(UTC)
    number = 0
    while stage.births() == 1:
        number += 1
        stage.change(APP, message=f"change {number}")
        assert datetime.now(UTC) < began + timedelta(seconds=20), "it waits for ever"
    assert datetime.now(UTC) >= began + timedelta(seconds=5), "it did not wait for it to rest"


def test_a_change_waits_as_long_as_it_would_have_if_the_operator_ends_meanwhile(stage: Stage) -> None:
    with stage.operator() as operator:
        begin(stage, debounceSeconds=4)
        stage.change(APP, message="Updated!")
        stage.says("Progressing", "Debounce")
        seen = moment(stage.status()["pending"]["seenAt"])
        operator.kill()
    stage.operator()
    started = moment(stage.restarted()["startedAt"])
    assert timedelta(seconds=4) <= started - seen < timedelta(seconds=8)
    assert stage.births() == 2


def test_between_two_restarts_is_the_time_that_was_asked_for(stage: Stage) -> None:
    stage.operator()
    begin(stage, minIntervalSeconds=4)
    stage.change(APP, message="first")
    first = stage.restarted()
    stage.change(APP, message="second")
    stage.says("Progressing", "Interval", status="True")
    assert stage.status()["phase"] == "Waiting"
    not_before = moment(stage.status()["pending"]["notBefore"])
    stage.change(APP, message="third")
    second = stage.restarted(times=2)
    assert moment(second["startedAt"]) >= not_before
    assert not_before - moment(first["startedAt"]) == timedelta(seconds=4)
    assert stage.births() == 3


def test_too_many_restarts_trip_one_watcher_and_leave_its_neighbours_alone(stage: Stage) -> None:
    with stage.operator() as operator:
        begin(stage, maxRestartsPerHour=2)
        begin(stage, "neighbour")
        for number in (1, 2):
            stage.change(APP, message=f"change {number}")
            stage.restarted(times=number)
        stage.change(APP, message="change 3")
        stage.says("Degraded", "RestartLimit", status="True")
        assert stage.condition("Progressing") == ("True", "Limit")
        assert "2 restarts" in stage.message("Degraded")
        stage.change("neighbour", message="Updated!")
        stage.restarted("neighbour")
        assert stage.condition("Degraded", "neighbour")[0] == "False"
        operator.kill()
    stage.operator()
    stage.change(APP, message="change 4")
    untouched(stage, births=3)
    assert stage.condition("Degraded") == ("True", "RestartLimit")
    stage.amend(maxRestartsPerHour=3)
    stage.restarted(times=3)
    assert stage.condition("Degraded")[0] == "False"
    assert stage.births() == 4


def second_waits_for_first(stage: Stage) -> None:
    """Have one of two ConfigWatchers restart its Pods, and the other wait for its turn."""
    stage.operator(environment={"MAX_ROLLOUTS": "1"})
    begin(stage, "first", minReadySeconds=500)
    begin(stage, "second")
    stage.change("first", message="Updated!")
    stage.says("Progressing", "Restarting", "first")
    stage.change("second", message="Updated!")
    stage.says("Progressing", "Turn", "second", status="True")


def test_no_more_watchers_restart_at_a_time_than_the_operator_may(stage: Stage) -> None:
    second_waits_for_first(stage)
    untouched(stage, "second")
    stage.amend("first", minReadySeconds=0)
    stage.restarted("first")
    stage.restarted("second")
    assert stage.births("second") == 2


def test_a_place_is_free_again_when_whoever_had_it_is_deleted(stage: Stage) -> None:
    second_waits_for_first(stage)
    stage.delete("configwatchers", "first")
    stage.restarted("second")


def test_whoever_only_waits_for_a_budget_takes_nobodys_place(stage: Stage) -> None:
    stage.operator(environment={"MAX_ROLLOUTS": "1"})
    begin(stage, "first")
    begin(stage, "second")
    stage.budget("first")
    stage.change("first", message="Updated!")
    stage.says("Progressing", "Blocked", "first")
    stage.change("second", message="Updated!")
    stage.restarted("second")
    stage.delete("poddisruptionbudgets", "first")
    stage.restarted("first")


# --- control ---


def test_one_that_is_suspended_acts_when_it_is_no_more(stage: Stage) -> None:
    stage.operator()
    begin(stage)
    stage.amend(suspend=True)
    for number in range(3):
        stage.change(APP, message=f"change {number}")
    stage.says("Progressing", "Suspended", status="False")
    untouched(stage)
    stage.annotate(RESTART, "now")
    untouched(stage)
    stage.amend(suspend=False)
    stage.restarted()
    untouched(stage, births=2)
    assert stage.restarts() == 1


def test_a_dry_run_tells_what_it_would_do_and_does_it_when_it_is_none_any_more(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment(replicas=3)
    stage.watcher(dryRun=True)
    stage.adopted()
    stage.change(message="Updated!")
    stage.says("Progressing", "DryRun", status="False")
    assert stage.told("WouldRestart")["note"] == f"3 Pods, because of ConfigMap {CONFIG} (message)"
    assert len(stage.status()["outdated"]) == 3
    untouched(stage, births=3)
    stage.amend(dryRun=False)
    stage.restarted()
    assert stage.births() == 6


def test_a_change_waits_for_a_window(stage: Stage) -> None:
    stage.operator()
    begin(stage, windows=[CLOSED])
    stage.change(APP, message="Updated!")
    stage.says("Progressing", "Window", status="True")
    opens = moment(stage.status()["pending"]["notBefore"])
    # The first of a month, midnight in Seoul, which knows no summer time.
    assert (opens + timedelta(hours=9)).strftime("%d %H:%M") == "01 00:00"
    assert opens > datetime.now(UTC) + timedelta(days=100)
    untouched(stage)
    stage.amend(windows=[CLOSED, OPEN])
    stage.restarted()
    assert stage.births() == 2


def test_in_an_open_window_a_change_is_acted_upon_at_once(stage: Stage) -> None:
    stage.operator()
    begin(stage, windows=[CLOSED, OPEN])
    stage.change(APP, message="Updated!")
    stage.restarted()
    assert stage.births() == 2


def test_a_person_may_ask_for_a_restart_and_need_not_wait_for_it(stage: Stage) -> None:
    stage.operator()
    begin(stage, windows=[CLOSED], debounceSeconds=600, minIntervalSeconds=600, maxRestartsPerHour=1)
    stage.kubectl("annotate", "configwatcher", APP, f"{RESTART}=ticket-1")
    assert stage.restarted()["reason"] == "annotation restart=ticket-1"
    stage.kubectl("annotate", "--overwrite", "configwatcher", APP, f"{RESTART}=ticket-2")
    stage.restarted(times=2)
    stage.kubectl("annotate", "--overwrite", "configwatcher", APP, f"{RESTART}=ticket-2", "note=another")
    untouched(stage, births=3)
    stage.kubectl("annotate", "configwatcher", APP, f"{RESTART}-")
    untouched(stage, births=3)


def test_asking_takes_a_change_that_waits_along(stage: Stage) -> None:
    stage.operator()
    begin(stage, windows=[CLOSED])
    stage.change(APP, message="Updated!")
    stage.says("Progressing", "Window")
    stage.annotate(RESTART, "now")
    assert {each["kind"] for each in stage.restarted()["changes"]} == {"ConfigMap", "Manual"}
    untouched(stage, births=2)
    assert "pending" not in stage.status()


def test_asking_while_no_operator_runs_is_heard_once(stage: Stage) -> None:
    with stage.operator() as operator:
        begin(stage)
        operator.kill()
    stage.annotate(RESTART, "while-away")
    with stage.operator() as operator:
        stage.restarted()
        operator.kill()
    stage.operator()
    untouched(stage, births=2)
    assert stage.restarts() == 1


def test_what_a_watcher_was_created_with_asks_for_nothing(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment()
    manifest = stage.manifest()
    manifest["metadata"]["annotations"] = {RESTART: "copied-from-elsewhere"}
    stage.create("configwatchers", manifest)
    stage.adopted()
    untouched(stage)


def test_whatever_a_change_waits_for_it_still_waits_for_when_the_operator_is_back(stage: Stage) -> None:
    waiting: dict[str, tuple[Object, str, Object]] = {
        "suspended": ({"suspend": True}, "Suspended", {"suspend": False}),
        "dry": ({"dryRun": True}, "DryRun", {"dryRun": False}),
        "window": ({"windows": [CLOSED]}, "Window", {"windows": []}),
        "quiet": ({"debounceSeconds": 3600}, "Debounce", {"debounceSeconds": 0}),
    }
    with stage.operator() as operator:
        for name, (spec, _, _) in waiting.items():
            begin(stage, name, **spec)
        for name, (_, reason, _) in waiting.items():
            stage.change(name, message="Updated!")
            stage.says("Progressing", reason, name)
        operator.kill()
    stage.operator()
    for name, (_, reason, _) in waiting.items():
        untouched(stage, name)
        assert stage.condition("Progressing", name)[1] == reason
        assert stage.status(name)["pending"]["changes"][0]["keys"] == ["message"]
    for name, (_, _, release) in waiting.items():
        stage.amend(name, **release)
        stage.restarted(name)
        assert stage.births(name) == 2


def test_while_a_source_is_gone_that_pods_could_not_start_without_none_is_touched(stage: Stage) -> None:
    stage.operator()
    needing = [{"name": "MESSAGE", "valueFrom": {"configMapKeyRef": {"name": CONFIG, "key": "message"}}}]
    stage.configmap()
    stage.deployment(env=needing)
    stage.watcher(suspend=True)
    stage.adopted()
    stage.annotate(RESTART, "now")
    stage.says("Progressing", "Suspended")
    stage.delete("configmaps", CONFIG)
    stage.says("Ready", "SourceMissing")
    stage.amend(suspend=False)
    stage.says("Progressing", "SourceMissing", status="False")
    untouched(stage)
    stage.configmap()
    stage.restarted()
    assert stage.births() == 2


def test_a_source_that_pods_can_do_without_keeps_nothing(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    optional = [{"configMapRef": {"name": "extra", "optional": True}}, {"configMapRef": {"name": CONFIG}}]
    stage.deployment(envFrom=optional)
    stage.watcher(config=None, configMaps=[{"name": CONFIG}, {"name": "extra"}])
    stage.says("Ready", "SourceMissing")
    stage.change(message="Updated!")
    stage.until(lambda: stage.status().get("lastRestart", {}).get("pods") == 1, "it restarts its Pod")
    assert stage.births() == 2


# --- its own end ---


def test_one_that_is_deleted_while_it_restarts_touches_no_more_pods(stage: Stage) -> None:
    operator = stage.operator()
    stage.configmap()
    stage.deployment(replicas=40)
    stage.watcher(maxUnavailable=1)
    stage.adopted()
    stage.change(message="Updated!")
    stage.pods.until(lambda: stage.births() > 41, "it restarts Pods")
    stage.delete("configwatchers", APP)
    # By one that is made after it was deleted: a watch tells of one after the other.
    stage.looked()
    stage.rests(operator, replicas=40)
    births = stage.births()
    assert births < 80, "it was not in the middle"
    untouched(stage, births=births)
    # Another of that name begins anew: it adopts what is there.
    stage.watcher()
    stage.adopted()
    untouched(stage, births=births)


def test_one_that_is_suspended_while_it_restarts_stops_and_goes_on_later(stage: Stage) -> None:
    operator = stage.operator()
    stage.configmap()
    stage.deployment(replicas=40)
    stage.watcher(maxUnavailable=1)
    stage.adopted()
    stage.change(message="Updated!")
    stage.pods.until(lambda: stage.births() > 41, "it restarts Pods")
    stage.amend(suspend=True)
    stage.says("Progressing", "Suspended")
    stage.rests(operator, replicas=40)
    births = stage.births()
    assert births < 80, "it was not in the middle"
    untouched(stage, births=births)
    stage.amend(suspend=False, maxUnavailable="50%")
    stage.restarted()
    stage.serves(replicas=40)
    assert stage.births() == 80


@pytest.mark.parametrize("waits", [{"debounceSeconds": 3600}, {"windows": [CLOSED]}])
def test_one_that_is_deleted_while_it_waits_leaves_nothing_behind(stage: Stage, waits: Object) -> None:
    stage.operator()
    begin(stage, **waits)
    stage.change(APP, message="Updated!")
    stage.until(lambda: "pending" in stage.status(), "the change waits")
    stage.delete("configwatchers", APP)
    stage.watcher(config=APP)
    stage.adopted()
    untouched(stage)
