"""What the operator asks of the API server, and what it may: the same, with grants and without."""

import json
from collections.abc import Iterator

import pytest

from rumpf.testing import RunningCluster
from tests.e2e.configwatcher.stage import RESTART, Stage, on_fake_nodes, until
from tests.e2e.message.test_rights import Ask, audited

cluster = on_fake_nodes

KINDS = ("Deployment", "StatefulSet", "DaemonSet")


@pytest.mark.parametrize("stage", [{"secrets": True}], indirect=True)
def test_it_asks_for_all_that_it_may_and_for_nothing_else(stage: Stage, cluster: RunningCluster) -> None:
    asked = live(stage, cluster, secrets=True)
    may = set(granted(stage))
    assert asked <= may
    assert may - asked == set(), "rules that were never used"


@pytest.mark.parametrize("stage", [{"secrets": False, "rollout": False}], indirect=True)
def test_where_grants_are_withheld_it_does_not_even_ask(stage: Stage, cluster: RunningCluster) -> None:
    asked = live(stage, cluster, secrets=False)
    may = set(granted(stage))
    assert asked <= may
    assert may - asked == set(), "rules that were never used"
    assert not any(resource == "secrets" for _, resource, _ in may)
    assert ("apps", "deployments", "patch") not in may


def live(stage: Stage, cluster: RunningCluster, *, secrets: bool) -> set[Ask]:
    """Live a whole life; return what was asked for meanwhile. Nothing of it was refused."""
    if cluster.backend != "embedded":
        pytest.skip("only an embedded cluster's audit log is at hand")
    user = f"system:serviceaccount:{stage.namespace}:configwatcher-operator"
    with stage.operator(elects=True) as operator:
        restart_all_kinds(stage, secrets=secrets)
        assert operator.stop() == 0
    found = list(audited(cluster.kubeconfig.parent / "logs" / "audit.log", user))
    assert [(ask, code) for ask, code in found if code in {401, 403}] == []
    return {ask for ask, _ in found}


def restart_all_kinds(stage: Stage, *, secrets: bool) -> None:
    """Restart Pods of each kind of owner, each way; with a Secret, with Pods that do not come back."""
    stage.configmap()
    stage.secret()
    for kind in KINDS:
        stage.deployment(kind.lower(), kind=kind, ready=False)
    until(lambda: all(stage.ready(kind.lower()) for kind in KINDS), "each has a Pod", 60)
    everybody = [{"key": "app", "operator": "In", "values": [kind.lower() for kind in KINDS]}]
    stage.watcher(
        podSelector={"matchExpressions": everybody},
        maxUnavailable="100%",
        secrets=[{"name": "webapp-secret"}],
    )
    if secrets:
        stage.adopted()
    else:
        stage.says("Ready", "NotGranted", status="False")
        stage.amend(secrets=None)
        stage.adopted()
    stage.change(message="evicted")
    stage.restarted()
    stage.amend(strategy="Delete", minReadySeconds=10)
    stage.change(message="deleted")
    stage.until(lambda: stage.status()["phase"] == "Restarting", "it restarts them")
    # Where some do not come back only their owners know how many there should be.
    stage.patch("statefulsets", "statefulset", {"spec": {"replicas": 0}})
    stage.restarted(times=2)
    stage.patch("statefulsets", "statefulset", {"spec": {"replicas": 1}})
    until(lambda: bool(stage.ready("statefulset")), "it is back", 60)
    stage.amend(minReadySeconds=0)
    stage.amend(strategy="Rollout")
    # Of the same words as before: the Event counts up.
    stage.change(message="rolled out")
    if secrets:
        stage.restarted(times=3)
    else:
        stage.says("Progressing", "NotGranted")
        stage.amend(strategy="Evict")
        stage.restarted(times=3)
    stage.annotate(RESTART, "now")
    stage.restarted(times=4)


def granted(stage: Stage) -> Iterator[Ask]:
    """Give each right that the operator was given."""
    for role in json.loads(stage.kubectl("get", "roles", "--output=json"))["items"]:
        for rule in role["rules"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    yield rule["apiGroups"][0], resource, verb
