"""Applications that really run: what they read, when they are Ready, and what happens when they crash."""

import json
from functools import partial

import pytest

from tests.e2e.configwatcher.admin import Object
from tests.e2e.configwatcher.stage import APP, CONFIG, SERVES, Stage, is_ready, leaves, names, until

pytestmark = pytest.mark.nodes("real")

ISSUE = """
apiVersion: k8spatterns.com/v1
kind: ConfigWatcher
metadata: {name: webapp}
spec:
  configMap: webapp-config
  podSelector: {matchLabels: {app: webapp}}
"""
PATCH = ("patch", "configmap", "webapp-config", "--type", "merge", "-p", '{"data":{"message":"Updated!"}}')


def key(name: str, *, optional: bool = False) -> Object:
    """Return what a container says to have a key of the ConfigMap in its environment."""
    reference = {"name": CONFIG, "key": name, "optional": optional}
    return {"name": name.upper(), "valueFrom": {"configMapKeyRef": reference}}


def mounted() -> tuple[Object, list[Object]]:
    """Return what mounts the ConfigMap at /config: for a Pod, and for its container."""
    volumes = {"volumes": [{"name": "config", "configMap": {"name": CONFIG}}]}
    return volumes, [{"name": "config", "mountPath": "/config"}]


def test_six_lines_are_enough(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    volumes, mounts = mounted()
    stage.deployment(
        replicas=2, pod=volumes, script=f"cat /config/message; echo; {SERVES}", volumeMounts=mounts
    )
    stage.kubectl("apply", "--filename=-", input=ISSUE)
    stage.adopted()
    stage.kubectl(*PATCH)
    stage.restarted()
    stage.serves(replicas=2)
    assert stage.births() == 4
    for pod in names(stage.ready()):
        until(partial(printed, stage, pod, "Updated!\n"), f"{pod} has read the new text")


def test_after_a_burst_every_pod_has_read_the_last_content(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment(replicas=2, script=f'echo "$MESSAGE"; {SERVES}', env=[key("message")])
    stage.watcher(debounceSeconds=1)
    stage.adopted()
    for number in range(50):
        stage.change(message=f"change {number}")
    stage.restarted()
    stage.serves(replicas=2)
    assert stage.births() == 4
    for pod in names(stage.ready()):
        until(partial(printed, stage, pod, "change 49\n"), f"{pod} has read the last text")


@pytest.mark.parametrize("how", ["volume", "environment"])
def test_a_pod_that_waits_for_its_configmap_is_not_restarted_when_that_comes(stage: Stage, how: str) -> None:
    stage.operator()
    volumes, mounts = mounted()
    if how == "volume":
        stage.deployment(ready=False, pod=volumes, volumeMounts=mounts)
    else:
        stage.deployment(ready=False, env=[key("message")])
    stage.until_pods(lambda: any("containerStatuses" in pod["status"] for pod in stage.of()), "it waits")
    stage.watcher()
    stage.says("Ready", "SourceMissing", status="False")
    stage.configmap()
    stage.serves(seconds=90)
    stage.adopted()
    stage.looked()
    assert stage.births() == 1
    stage.change(message="Updated!")
    stage.restarted()
    assert stage.births() == 2


def test_the_next_goes_when_the_last_is_ready_and_not_before(stage: Stage) -> None:
    stage.operator()
    stage.configmap(data={"ready": "yes"})
    probe = {"exec": {"command": ["test", "-f", "/tmp/ready"]}, "periodSeconds": 1}  # noqa: S108 - the Pod's
    script = f'[ "$READY" = yes ] && touch /tmp/ready; {SERVES}'
    stage.deployment(replicas=3, script=script, env=[key("ready")], readinessProbe=probe)
    stage.watcher(maxUnavailable=1)
    stage.adopted()
    since = len(stage.pods.frames)
    stage.change(ready="no")
    for born in (4, 5):
        stage.until_pods(partial(replaced, stage, born), "one is replaced, and runs")
        (waiting,) = [pod for pod in stage.of() if not is_ready(pod) and not leaves(pod)]
        name = waiting["metadata"]["name"]
        stage.looked()
        assert stage.births() == born
        stage.kubectl("exec", name, "--", "touch", "/tmp/ready")  # noqa: S108 - the Pod's
    stage.until_pods(lambda: stage.births() == 6)
    stage.change(ready="yes")
    stage.restarted()
    stage.serves(replicas=3)
    assert stage.fewest_ready(since=since) >= 2


def test_replacements_that_crash_halt_it_after_one_batch_and_a_new_change_mends_it(stage: Stage) -> None:
    stage.operator()
    stage.configmap(data={"mode": "good"})
    stage.deployment(replicas=6, script=f'[ "$MODE" = good ] || exit 1; {SERVES}', env=[key("mode")])
    stage.watcher(maxUnavailable=2, minReadySeconds=3, progressDeadlineSeconds=6)
    stage.adopted()
    stage.change(mode="bad")
    stage.says("Degraded", "ReplacementsNotReady", status="True", seconds=60)
    assert stage.condition() == ("False", "Halted")
    assert (stage.births(), len(stage.ready())) == (8, 4)
    broken = {name for name in names(stage.of()) if name in stage.message("Degraded")}
    assert broken, "it names a Pod that is broken"
    assert stage.told("RestartHalted")["type"] == "Warning"
    stage.looked()
    assert stage.births() == 8
    stage.change(mode="good")
    stage.restarted(seconds=90)
    stage.serves(replicas=6)
    # The two that crashed, and the four that were never touched.
    assert stage.births() == 14
    assert stage.condition("Degraded")[0] == "False"


def test_a_halted_one_is_still_halted_when_the_operator_is_back(stage: Stage) -> None:
    with stage.operator() as operator:
        stage.configmap(data={"mode": "good"})
        stage.deployment(replicas=2, script=f'[ "$MODE" = good ] || exit 1; {SERVES}', env=[key("mode")])
        stage.watcher(maxUnavailable=1, minReadySeconds=3, progressDeadlineSeconds=4)
        stage.adopted()
        stage.change(mode="bad")
        stage.says("Degraded", "ReplacementsNotReady", status="True", seconds=60)
        operator.kill()
    stage.operator()
    stage.looked()
    assert stage.condition("Degraded") == ("True", "ReplacementsNotReady")
    assert (stage.births(), len(stage.ready())) == (3, 1)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_a_rollout_keeps_a_lone_pod_at_work_where_the_workload_can(stage: Stage, kind: str) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment(kind=kind, script=f'echo "$MESSAGE"; {SERVES}', env=[key("message")])
    stage.watcher(strategy="Rollout")
    stage.adopted()
    since = len(stage.pods.frames)
    stage.change(message="Updated!")
    stage.restarted()
    stage.serves()
    assert stage.births() == 2
    (pod,) = names(stage.ready())
    until(partial(printed, stage, pod, "Updated!\n"), "it has read the new text")
    # A StatefulSet has no surge: it cannot.
    assert stage.fewest_ready(since=since) == (1 if kind == "Deployment" else 0)


def test_a_pod_of_a_job_runs_to_its_end(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment()
    script = "until [ -f /tmp/end ]; do usleep 100000; done"
    template = {
        "metadata": {"labels": {"app": APP}},
        "spec": {**stage.pod_spec(script), "restartPolicy": "Never"},
    }
    stage.create("jobs", {"metadata": {"name": "job"}, "spec": {"template": template}})
    stage.serves(replicas=2)
    (of_job,) = [pod["metadata"]["name"] for pod in stage.of() if pod["metadata"]["name"].startswith("job-")]
    stage.watcher(allowBare=True)
    stage.adopted()
    stage.change(message="Updated!")
    assert stage.restarted()["pods"] == 1
    assert is_ready(stage.pods.now[of_job])
    stage.kubectl("exec", of_job, "--", "touch", "/tmp/end")  # noqa: S108 - the Pod's
    stage.kubectl("wait", "job/job", "--for=condition=Complete", "--timeout=30s")


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_pods_that_take_long_to_end_are_not_sent_away_twice(stage: Stage, kind: str) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment(
        kind=kind,
        replicas=2,
        script="trap 'sleep 2; exit 0' TERM; while :; do usleep 100000; done",
        pod={"terminationGracePeriodSeconds": 10},
    )
    stage.watcher(maxUnavailable=1)
    stage.adopted()
    since = len(stage.pods.frames)
    changed = stage.change(message="Updated!")
    assert stage.restarted()["pods"] == 2
    stage.until_pods(lambda: not any(map(leaves, stage.of())), "the old ones are gone")
    assert stage.are_newer(changed)
    assert stage.births() == 4
    assert stage.fewest_ready(since=since) >= 1


def test_a_restart_that_a_person_rolls_back_ends(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment(replicas=2)
    stage.watcher(strategy="Rollout")
    stage.adopted()
    stage.change(message="Updated!")
    stage.restarted()
    stage.serves(replicas=2)
    stage.kubectl("rollout", "undo", f"deployment/{APP}")
    stage.until_pods(lambda: stage.births() == 6)
    stage.serves(replicas=2)
    stage.looked()
    assert stage.births() == 6, "it does not fight whoever rolls back"
    assert (
        json.loads(stage.kubectl("get", "configwatcher", APP, "--output=json"))["status"]["phase"]
        == "Watching"
    )


def printed(stage: Stage, pod: str, text: str) -> bool:
    """Whether a Pod has printed exactly this text."""
    return stage.kubectl("logs", pod) == text


def replaced(stage: Stage, born: int) -> bool:
    """Whether so many of three Pods were ever born, and all run."""
    pods = [pod for pod in stage.of() if not leaves(pod)]
    return stage.births() == born and len(pods) == 3 and all(map(runs, pods))


def runs(pod: Object) -> bool:
    """Whether a Pod's container runs."""
    statuses = pod["status"].get("containerStatuses", ())
    return any("running" in each["state"] for each in statuses)
