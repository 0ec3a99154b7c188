"""Which Pods are restarted: those that are selected, that somebody replaces, and that run."""

import pytest

from tests.e2e.configwatcher.stage import APP, RESUME, Stage, names, on_fake_nodes, owned_by

cluster = on_fake_nodes


def test_pods_are_selected_by_expressions_too(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    tiers = {"a": "web", "b": "api", "c": "db", "d": "api"}
    for app, tier in tiers.items():
        labels = {"tier": tier, **({"canary": "yes"} if app == "d" else {})}
        stage.deployment(app, labels=labels)
    expressions = [
        {"key": "tier", "operator": "In", "values": ["web", "api"]},
        {"key": "canary", "operator": "DoesNotExist"},
        {"key": "app", "operator": "Exists"},
        {"key": "app", "operator": "NotIn", "values": ["z"]},
    ]
    stage.watcher(podSelector={"matchExpressions": expressions})
    stage.adopted()
    assert stage.status()["pods"] == 2
    stage.change(message="Updated!")
    assert stage.restarted()["pods"] == 2
    assert {app: stage.births(app) for app in tiers} == {"a": 2, "b": 2, "c": 1, "d": 1}


def test_labels_and_expressions_must_both_hold(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment("a", labels={"team": "x", "tier": "web"})
    stage.deployment("b", labels={"team": "x", "tier": "db"})
    tier = {"key": "tier", "operator": "In", "values": ["web"]}
    stage.watcher(podSelector={"matchLabels": {"team": "x"}, "matchExpressions": [tier]})
    stage.adopted()
    stage.change(message="Updated!")
    assert stage.restarted()["pods"] == 1
    assert (stage.births("a"), stage.births("b")) == (2, 1)


def test_another_selector_holds_from_then_on(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment("a")
    stage.deployment("b")
    stage.watcher(app="a")
    stage.adopted()
    stage.amend(podSelector={"matchLabels": {"app": "b"}})
    stage.adopted()
    stage.looked()
    assert (stage.births("a"), stage.births("b")) == (1, 1)
    stage.change(message="Updated!")
    stage.restarted()
    assert (stage.births("a"), stage.births("b")) == (1, 2)


def test_pods_of_other_namespaces_are_not_touched(stage: Stage) -> None:
    other = f"{stage.namespace}-b"
    stage.kubectl("create", "namespace", other)
    try:
        beside = stage.kubectl.within(other)
        beside("create", "deployment", APP, f"--image={stage.image}")
        beside("wait", "--for=condition=Available", f"deployment/{APP}", "--timeout=60s")
        before = beside("get", "pods", "--output=name")
        stage.operator()
        stage.configmap()
        stage.deployment()
        stage.watcher()
        stage.adopted()
        stage.change(message="Updated!")
        stage.restarted()
        assert beside("get", "pods", "--output=name") == before
    finally:
        stage.kubectl("delete", "namespace", other, "--wait=false")


def test_a_pod_that_nobody_replaces_is_let_be(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment()
    stage.bare("alone")
    stage.watcher()
    stage.adopted()
    assert stage.status()["pods"] == 1
    stage.change(message="Updated!")
    assert stage.restarted()["pods"] == 1
    assert "alone" in names(stage.ready())


def test_a_pod_that_nobody_replaces_goes_where_that_is_allowed(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment(replicas=2)
    stage.bare("alone")
    stage.watcher(allowBare=True)
    stage.adopted()
    assert stage.status()["pods"] == 3
    stage.change(message="Updated!")
    assert stage.restarted()["pods"] == 3
    stage.serves(replicas=2)
    assert "alone" not in names(stage.of())


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_finished_is_let_be(stage: Stage, phase: str) -> None:
    stage.operator()
    owner = stage.configmap()
    stage.bare("finished", ownerReferences=[owned_by(owner)])
    stage.patch("pods", "finished", {"status": {"phase": phase}}, "status")
    stage.deployment(APP, ready=False)
    stage.until_pods(lambda: len(stage.of()) == 2)
    stage.watcher()
    stage.adopted()
    stage.change(message="Updated!")
    assert stage.restarted()["pods"] == 1
    assert "finished" in names(stage.of())


def test_a_pod_of_the_node_itself_is_let_be(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    node = stage.admin.ask("GET", "/api/v1/nodes")["items"][0]
    mirror = {
        "metadata": {
            "name": "mirror",
            "labels": {"app": APP},
            "annotations": {"kubernetes.io/config.mirror": "0123"},
            "ownerReferences": [owned_by(node, "Node")],
        },
        "spec": {**stage.pod_spec(), "nodeName": node["metadata"]["name"]},
    }
    stage.create("pods", mirror)
    stage.deployment(ready=False)
    stage.until_pods(lambda: len(stage.of()) == 2)
    stage.watcher(allowBare=True, strategy="Delete")
    stage.adopted()
    stage.change(message="Updated!")
    assert stage.restarted()["pods"] == 1
    assert "mirror" in names(stage.of())


def test_the_operators_own_pods_are_let_be(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.deployment("operator", labels={"rumpf.dev/operator": "configwatcher", "team": "all"})
    stage.deployment("others", labels={"rumpf.dev/operator": "message", "team": "all"})
    stage.watcher(podSelector={"matchLabels": {"team": "all"}})
    stage.adopted()
    stage.change(message="Updated!")
    stage.restarted()
    assert (stage.births("operator"), stage.births("others")) == (1, 2)


@pytest.mark.parametrize("kind", ["DaemonSet", "ReplicaSet"])  # a StatefulSet: where Pods really run
def test_pods_of_every_workload_are_replaced(stage: Stage, kind: str) -> None:
    stage.operator()
    count = 1 if kind == "DaemonSet" else 3
    stage.configmap()
    stage.deployment(replicas=count, kind=kind)
    stage.watcher()
    stage.adopted()
    since = len(stage.pods.frames)
    stage.change(message="Updated!")
    assert stage.restarted()["pods"] == count
    stage.serves(replicas=count)
    assert stage.births() == 2 * count
    assert stage.fewest_ready(since=since) >= count - 1
    assert stage.told("ConfigChanged", kind, APP)["type"] == "Normal"


def test_where_nobody_can_tell_whether_an_owner_replaces_its_pods_it_is_waited_for(stage: Stage) -> None:
    stage.operator()
    owner = stage.configmap("owner")
    stage.configmap()
    stage.bare("first", ownerReferences=[owned_by(owner)])
    stage.bare("second", ownerReferences=[owned_by(owner)])
    stage.watcher(maxUnavailable=1, progressDeadlineSeconds=8)
    stage.adopted()
    stage.change(message="Updated!")
    stage.says("Degraded", "ReplacementsNotReady", status="True", seconds=60)
    stage.synchronize()
    assert len(stage.of()) == 1, "it does not come back, and the other is let be"
    stage.annotate(RESUME, "one is enough")
    assert stage.restarted(seconds=60)["pods"] == 2
    assert stage.of() == []


@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
def test_a_pod_that_is_meant_to_end_is_let_be(stage: Stage, policy: str) -> None:
    stage.operator()
    owner = stage.configmap()
    pod = {**stage.pod_spec(), "restartPolicy": policy}
    metadata = {"name": "step", "labels": {"app": APP}, "ownerReferences": [owned_by(owner)]}
    stage.create("pods", {"metadata": metadata, "spec": pod})
    stage.deployment(ready=False)
    stage.until_pods(lambda: len(stage.ready()) == 2)
    stage.watcher()
    stage.adopted()
    stage.change(message="Updated!")
    assert stage.restarted()["pods"] == 1
    assert "step" in names(stage.of())


def test_where_no_pod_is_selected_a_change_is_taken_note_of(stage: Stage) -> None:
    stage.operator()
    stage.configmap()
    stage.watcher()
    stage.adopted()
    before = stage.status()["sources"][0]["hash"]
    stage.change(message="Updated!")
    stage.until(lambda: stage.status()["sources"][0]["hash"] != before, "it sees the change")
    stage.deployment()
    stage.looked()
    assert stage.births() == 1
    assert (stage.status()["phase"], stage.restarts()) == ("Watching", 0)
