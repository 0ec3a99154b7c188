"""How Pods are restarted: no more at a time than may be missing, within budgets, by whichever strategy."""

from datetime import datetime, timedelta

import pytest

from tests.e2e.configwatcher.stage import (
    APP,
    CONFIG,
    RESTART,
    RESUME,
    Field,
    Stage,
    is_ready,
    on_fake_nodes,
    owned_by,
    until,
)

cluster = on_fake_nodes

WITHOUT_ROLLOUT = pytest.mark.parametrize("stage", [{"rollout": False}], indirect=True, ids=["withheld"])
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


def begin(stage: Stage, replicas: int = 1, *, kind: str = "Deployment", **spec: Field) -> None:
    """Bring up an application whose ConfigMap is watched."""
    stage.configmap()
    stage.deployment(replicas=replicas, kind=kind)
    stage.watcher(**spec)
    stage.adopted()


def restarted_at(stage: Stage, plural: str = "deployments") -> str | None:
    """Return when a workload's template says that its Pods were restarted."""
    template = stage.get(plural, APP)["spec"]["template"]["metadata"]
    found: str | None = template.get("annotations", {}).get(RESTARTED_AT)
    return found


@pytest.mark.parametrize(
    ("strategy", "limit", "replicas", "most"),
    [
        ("Evict", 1, 6, 1),
        ("Evict", 3, 7, 3),
        ("Evict", "25%", 10, 2),
        ("Evict", "1%", 5, 1),
        ("Evict", "100%", 6, 6),
        ("Evict", 50, 4, 4),
        ("Delete", "50%", 5, 2),
    ],
)
def test_no_more_pods_are_missing_than_may_be(
    stage: Stage, strategy: str, limit: int | str, replicas: int, most: int
) -> None:
    stage.operator()
    begin(stage, replicas, strategy=strategy, maxUnavailable=limit)
    since = len(stage.pods.frames)
    stage.change(message="Updated!")
    assert stage.restarted()["pods"] == replicas
    stage.serves(replicas=replicas)
    assert stage.births() == 2 * replicas
    assert stage.fewest_ready(since=since) >= replicas - most


def test_the_limit_holds_over_all_workloads_that_are_selected(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    for name in ("front", "back"):
        stage.deployment(name, 5, labels={"part-of": "shop"})
    stage.watcher(podSelector={"matchLabels": {"part-of": "shop"}}, maxUnavailable=2)
    stage.adopted()
    since = len(stage.pods.frames)
    stage.change(message="Updated!")
    assert stage.restarted()["pods"] == 10
    stage.serves("front", 5)
    stage.serves("back", 5)
    fewest = min(sum(map(is_ready, frame.values())) for frame in stage.pods.frames[since:])
    assert fewest >= 8
    assert stage.births("front") == stage.births("back") == 10


def test_a_replacement_counts_when_it_has_been_ready_for_long_enough(stage: Stage) -> None:
    stage.operator()
    begin(stage, 2, maxUnavailable=1, minReadySeconds=2)
    stage.change(message="Updated!")
    last = stage.restarted()
    first, second = (
        datetime.fromisoformat(each["metadata"]["creationTimestamp"]) for each in stage.newest(2)
    )
    assert second - first >= timedelta(seconds=2)
    # It was over when the last was Ready; that it stayed so was only waited for.
    assert datetime.fromisoformat(last["finishedAt"]) < second + timedelta(seconds=3)


def test_hundreds_of_pods_are_restarted_each_once(stage: Stage) -> None:
    stage.operator()
    begin(stage, 200, maxUnavailable="20%")
    since = len(stage.pods.frames)
    stage.change(message="Updated!")
    assert stage.restarted(seconds=120)["pods"] == 200
    stage.serves(replicas=200)
    assert stage.births() == 400
    assert stage.fewest_ready(since=since) >= 160


def test_a_budget_that_blocks_is_waited_for_and_told_of(stage: Stage) -> None:
    stage.operator()
    begin(stage, 2, maxUnavailable="100%")
    stage.budget()
    stage.change(message="Updated!")
    stage.says("Progressing", "Blocked", status="True")
    assert "PodDisruptionBudget" in stage.message("Progressing")
    assert "PodDisruptionBudget" in stage.told("Blocked")["note"]
    stage.looked()
    assert stage.births() == 2
    assert stage.status()["phase"] == "Restarting"
    stage.patch("poddisruptionbudgets", APP, {"spec": {"maxUnavailable": 1}})
    stage.restarted()
    assert stage.births() == 4


def test_a_budget_is_kept_where_more_might_be_missing(stage: Stage) -> None:
    stage.operator()
    begin(stage, 6, maxUnavailable="100%")
    stage.budget(minAvailable=4)
    since = len(stage.pods.frames)
    stage.change(message="Updated!")
    stage.restarted()
    stage.serves(replicas=6)
    assert stage.births() == 12
    assert stage.fewest_ready(since=since) >= 4


def test_two_budgets_for_one_pod_are_told_of(stage: Stage) -> None:
    stage.operator()
    begin(stage)
    stage.budget(maxUnavailable=1)
    second = {"selector": {"matchLabels": {"app": APP}}, "maxUnavailable": 1}
    stage.create("poddisruptionbudgets", {"metadata": {"name": "second"}, "spec": second})
    stage.change(message="Updated!")
    stage.says("Progressing", "Blocked")
    assert "more than one PodDisruptionBudget" in stage.message("Progressing")
    stage.delete("poddisruptionbudgets", "second")
    stage.restarted()


def test_a_watcher_that_deletes_asks_no_budget(stage: Stage) -> None:
    stage.operator()
    begin(stage, 3, strategy="Delete")
    stage.budget()
    stage.change(message="Updated!")
    stage.restarted()
    assert stage.births() == 6
    assert restarted_at(stage) is None


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_a_rollout_is_left_to_the_workload_and_done_once(stage: Stage, kind: str) -> None:
    with stage.operator() as operator:
        begin(stage, 1 if kind == "DaemonSet" else 3, kind=kind, strategy="Rollout")
        plural = f"{kind.lower()}s"
        changed = stage.change(message="Updated!")
        stage.restarted()
        stage.until_pods(lambda: stage.are_newer(changed))
        first = restarted_at(stage, plural)
        assert first is not None
        generation = stage.get(plural, APP)["metadata"]["generation"]
        assert generation == 2, "it is edited once"
        assert stage.told("ConfigChanged", kind, APP)
        operator.kill()
    stage.operator()
    stage.looked()
    assert restarted_at(stage, plural) == first
    assert stage.get(plural, APP)["metadata"]["generation"] == generation
    changed = stage.change(message="Updated again!")
    stage.restarted(times=2)
    assert restarted_at(stage, plural) != first
    stage.until_pods(lambda: stage.are_newer(changed))


def test_a_rollout_of_pods_that_no_template_makes_says_so(stage: Stage) -> None:
    stage.operator()
    owner = stage.configmap("owner")
    stage.configmap()
    stage.bare("orphan", ownerReferences=[owned_by(owner)])
    stage.watcher(strategy="Rollout", progressDeadlineSeconds=5)
    stage.adopted()
    stage.change(message="Updated!")
    stage.says("Progressing", "Blocked")
    assert "ConfigMap owner has no template to edit" in stage.message("Progressing")
    assert stage.births() == 1
    stage.amend(strategy="Delete")
    stage.pods.until(lambda: stage.of() == [], "it is deleted")
    stage.restarted()


def test_a_deployment_that_is_paused_is_told_of_and_waited_for(stage: Stage) -> None:
    stage.operator()
    begin(stage, strategy="Rollout")
    stage.kubectl("rollout", "pause", f"deployment/{APP}")
    stage.change(message="Updated!")
    stage.says("Progressing", "Blocked")
    assert f"Deployment {APP} is paused" in stage.message("Progressing")
    stage.kubectl("rollout", "resume", f"deployment/{APP}")
    stage.restarted()
    assert stage.births() == 2


@WITHOUT_ROLLOUT
def test_a_rollout_that_is_not_granted_waits_and_says_what_to_do(stage: Stage) -> None:
    stage.operator()
    begin(stage, strategy="Rollout")
    stage.change(message="Updated!")
    stage.says("Progressing", "NotGranted")
    assert "template" in stage.message("Progressing")
    stage.looked()
    assert stage.births() == 1
    assert restarted_at(stage) is None
    stage.amend(strategy="Evict")
    stage.restarted()
    assert stage.births() == 2


def test_replacements_that_nobody_makes_halt_it_until_somebody_resumes(stage: Stage) -> None:
    stage.operator()
    begin(stage, 4, maxUnavailable=1, progressDeadlineSeconds=7)
    stage.create("resourcequotas", {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "0"}}})
    until(lambda: "used" in stage.get("resourcequotas", "few").get("status", {}), "the quota counts")
    stage.change(message="Updated!")
    stage.says("Degraded", "ReplacementsNotReady", status="True", seconds=60)
    assert stage.condition() == ("False", "Halted")
    assert stage.status()["phase"] == "Halted"
    assert stage.told("RestartHalted")["type"] == "Warning"
    stage.looked()
    assert (stage.births(), len(stage.ready())) == (4, 3)
    stage.delete("resourcequotas", "few")
    stage.serves(replicas=4, seconds=90)
    stage.looked()
    assert stage.births() == 5, "it goes on by itself"
    stage.kubectl("annotate", "configwatcher", APP, f"{RESUME}=checked")
    stage.restarted()
    assert stage.births() == 8
    assert stage.condition("Degraded")[0] == "False"


def test_a_workload_that_is_scaled_down_meanwhile_does_not_hold_it_up(stage: Stage) -> None:
    stage.operator()
    begin(stage, 40, maxUnavailable=1)
    stage.change(message="Updated!")
    stage.pods.until(lambda: stage.births() > 41, "it restarts Pods")
    stage.patch("deployments", APP, {"spec": {"replicas": 3}})
    stage.restarted(seconds=30)
    stage.serves(replicas=3)
    assert stage.births() < 80


def test_a_workload_that_is_scaled_up_meanwhile_keeps_its_new_pods(stage: Stage) -> None:
    stage.operator()
    begin(stage, 20, maxUnavailable=1)
    stage.change(message="Updated!")
    stage.pods.until(lambda: stage.births() > 21, "it restarts Pods")
    stage.patch("deployments", APP, {"spec": {"replicas": 25}})
    stage.restarted()
    stage.serves(replicas=25)
    assert stage.births() == 45


def test_a_workload_that_is_deleted_meanwhile_does_not_hold_it_up(stage: Stage) -> None:
    stage.operator()
    begin(stage, 20, maxUnavailable=1)
    stage.change(message="Updated!")
    stage.pods.until(lambda: stage.births() > 21, "it restarts Pods")
    stage.delete("deployments", APP)
    stage.pods.until(lambda: stage.of() == [], "its Pods are gone")
    stage.restarted(seconds=30)


def test_a_change_in_the_middle_of_a_restart_reaches_every_pod(stage: Stage) -> None:
    stage.operator()
    begin(stage, 20, maxUnavailable=2)
    stage.change(message="first")
    stage.pods.until(lambda: stage.births() > 23, "it restarts Pods")
    changed = stage.change(message="second")
    assert not stage.are_newer(changed)
    stage.until(lambda: stage.restarts() > 0 and stage.status()["phase"] == "Watching", "it is done")
    stage.serves(replicas=20)
    assert stage.are_newer(changed)
    stage.looked()
    assert stage.births() <= 60, "each Pod once for each change"


def test_a_watcher_that_leaves_no_pod_at_work_says_so_beforehand(stage: Stage) -> None:
    stage.operator()
    begin(stage)
    assert stage.condition("Disruptive") == ("True", "NoneStays")
    assert "Rollout" in stage.message("Disruptive")
    stage.amend(strategy="Rollout")
    stage.says("Disruptive", "RolledOut", status="False")
    stage.patch("deployments", APP, {"spec": {"replicas": 4}})
    stage.serves(replicas=4)
    stage.amend(strategy="Evict")
    stage.says("Disruptive", "OthersStay", status="False")
    stage.amend(maxUnavailable="100%")
    stage.says("Disruptive", "NoneStays", status="True")


def test_pods_that_started_after_the_change_are_left_alone(stage: Stage) -> None:
    with stage.operator() as operator:
        begin(stage, 2)
        operator.kill()
    stage.change(message="Updated!")
    changed = max(each["time"] for each in stage.get("configmaps", CONFIG)["metadata"]["managedFields"])
    # Kubernetes' times have no fractions: newer for certain is what was created in a later second.
    stage.next_second(changed)
    stage.patch("deployments", APP, {"spec": {"replicas": 5}})
    stage.serves(replicas=5)
    newer = {pod["metadata"]["uid"] for pod in stage.of() if pod["metadata"]["creationTimestamp"] > changed}
    assert len(newer) == 3
    stage.operator()
    assert stage.restarted()["pods"] == 2
    stage.serves(replicas=5)
    assert newer <= stage.uids()
    assert stage.births() == 7


def test_a_small_workload_stays_at_work_beside_a_large_one(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    for name, replicas in (("small", 2), ("large", 20)):
        stage.deployment(name, replicas, labels={"part-of": "shop"})
    stage.watcher(podSelector={"matchLabels": {"part-of": "shop"}}, maxUnavailable="75%")
    stage.adopted()
    assert stage.condition("Disruptive") == ("False", "OthersStay")
    since = len(stage.pods.frames)
    stage.change(message="Updated!")
    assert stage.restarted()["pods"] == 22
    assert stage.fewest_ready("small", since) == 1
    assert stage.fewest_ready("large", since) >= 5


def test_a_workload_that_replaces_no_pods_by_itself_is_told_of(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment(kind="DaemonSet", spec={"updateStrategy": {"type": "OnDelete"}})
    stage.watcher(strategy="Rollout")
    stage.adopted()
    stage.change(message="Updated!")
    stage.says("Progressing", "Blocked")
    assert f"DaemonSet {APP} has updateStrategy OnDelete" in stage.message("Progressing")
    assert restarted_at(stage, "daemonsets") is None
    stage.amend(strategy="Evict")
    stage.restarted()
    assert stage.births() == 2


def test_a_person_who_restarts_the_workload_first_leaves_nothing_to_do(stage: Stage) -> None:
    with stage.operator() as operator:
        begin(stage, 3)
        operator.kill()
    stage.change(message="Updated!")
    stage.next_second(max(e["time"] for e in stage.get("configmaps", CONFIG)["metadata"]["managedFields"]))
    stage.kubectl("rollout", "restart", f"deployment/{APP}")
    stage.kubectl("rollout", "status", f"deployment/{APP}", "--timeout=60s")
    stage.serves(replicas=3)
    stage.operator()
    stage.looked()
    assert stage.births() == 6


def test_asking_restarts_all_pods_however_young(stage: Stage) -> None:
    stage.operator()
    begin(stage, 2)
    stage.annotate(RESTART, "now")
    assert stage.restarted()["pods"] == 2
    assert stage.births() == 4
