"""ConfigWatcher when the API server is away, unwilling, or silent: it costs time, and no Pod."""

import time
from itertools import count

import pytest

from rumpf.testing import Faults
from rumpf.testing.proxy import ApiProxy, Request, except_leases_and_events
from tests.e2e.configwatcher.stage import APP, CONFIG, Stage, on_fake_nodes, until

cluster = on_fake_nodes

REPLICAS = 6


def operate(stage: Stage, proxy: ApiProxy, most: int = 2) -> None:
    """Run the operator behind a proxy, on an application that was adopted."""
    identity = proxy.identity("operator", token=stage.operators.token("configwatcher"))
    stage.operator(kubeconfig=identity.kubeconfig)
    stage.configmap()
    stage.deployment(replicas=REPLICAS)
    stage.watcher(maxUnavailable=most)
    stage.adopted()


def each_was_restarted_once(stage: Stage, replicas: int = REPLICAS) -> None:
    """Wait until all is over; as many Pods as there were have come since."""
    stage.restarted(seconds=120)
    stage.serves(replicas=replicas)
    stage.looked()
    assert stage.births() == 2 * replicas
    assert stage.restarts() == 1


@pytest.mark.parametrize("code", [429, 409, 500])
@pytest.mark.parametrize("resource", ["configwatchers", "pods", "configmaps"])
def test_a_burst_of_refusals_is_survived(stage: Stage, faults: Faults, code: int, resource: str) -> None:
    with faults.proxy() as proxy:
        operate(stage, proxy)
        verbs = ("get", "patch", "create", "delete")
        with proxy.refuse(code, resource=resource, verb=verbs, times=5) as refused:
            stage.change(message="Updated!")
            until(lambda: refused.hits == 5, "five requests are refused", 60)
            each_was_restarted_once(stage)


@pytest.mark.parametrize("code", [429, 409, 500])
def test_writes_that_are_refused_now_and_then_are_made_in_the_end(
    stage: Stage, faults: Faults, code: int
) -> None:
    with faults.proxy() as proxy:
        operate(stage, proxy)

        turns = count()

        def unlucky(request: Request) -> bool:
            return except_leases_and_events(request) and next(turns) % 3 == 0

        with proxy.refuse(code, writes=True, client="operator", matching=unlucky) as refused:
            stage.change(message="Updated!")
            each_was_restarted_once(stage)
        assert refused.hits > 0


def test_watches_that_are_cut_miss_nothing(stage: Stage, faults: Faults) -> None:
    with faults.proxy() as proxy:
        operate(stage, proxy, most=1)
        with proxy.delay(0.1, resource="pods/eviction"):
            for number in range(3):
                proxy.cut_watches(client="operator")
                stage.change(message=f"Update {number}")
                proxy.cut_watches(client="operator")
                stage.restarted(times=number + 1, seconds=120)
    assert stage.births() == (3 + 1) * REPLICAS


def test_a_pod_that_came_while_its_watch_was_broken_is_restarted_too(stage: Stage, faults: Faults) -> None:
    with faults.proxy() as proxy:
        operate(stage, proxy)
        stage.change(message="Updated!")
        each_was_restarted_once(stage)
        with proxy.refuse(500, verb="watch", resource="pods"):
            proxy.cut_watches(client="operator", resource="pods")
            stage.patch("deployments", APP, {"spec": {"replicas": REPLICAS + 2}})
            stage.serves(replicas=REPLICAS + 2)
            newest = max(pod["metadata"]["creationTimestamp"] for pod in stage.of())
            stage.next_second(newest)
            before = stage.uids()
            stage.change(message="Updated again!")
            until(lambda: stage.status()["phase"] == "Restarting", "it begins")
        stage.restarted(times=2, seconds=120)
        stage.serves(replicas=REPLICAS + 2)
        assert stage.uids().isdisjoint(before)


def test_an_api_server_that_is_away_in_the_middle_of_a_restart_costs_nothing_but_time(
    stage: Stage, faults: Faults
) -> None:
    with faults.proxy() as proxy:
        operate(stage, proxy, most=1)
        with proxy.delay(0.2, resource="pods/eviction"):
            stage.change(message="Updated!")
            until(lambda: stage.births() > REPLICAS + 1, "some are restarted")
        with proxy.down():
            assert stage.restarts() == 0, "it is in the middle"
            # The time is what is tested: nothing is waited for.
            time.sleep(30)
        each_was_restarted_once(stage)


def test_a_change_made_while_the_api_server_is_away_for_the_operator_is_not_lost(
    stage: Stage, faults: Faults
) -> None:
    with faults.proxy() as proxy:
        operate(stage, proxy)
        with proxy.down():
            stage.change(message="Updated!")
            stage.delete("configmaps", CONFIG)
            stage.configmap(data={"message": "Made anew"})
        each_was_restarted_once(stage)


def test_fifty_watchers_of_one_configmap_survive_that_everything_is_refused_for_a_moment(
    stage: Stage, faults: Faults
) -> None:
    with faults.proxy() as proxy:
        identity = proxy.identity("operator", token=stage.operators.token("configwatcher"))
        stage.operator(kubeconfig=identity.kubeconfig)
        stage.configmap(data={"message": "Hello", "large": "x" * 1_000_000})
        apps = [f"app-{number}" for number in range(50)]
        for app in apps:
            stage.deployment(app, ready=False)
            stage.watcher(app, app=app)
        for app in apps:
            stage.serves(app)
        stage.adopted(*apps)
        with proxy.refuse(429, client="operator", times=100, retry_after=1):
            stage.change(message="Updated!")
            for app in apps:
                stage.restarted(app, seconds=120)
                assert stage.births(app) == 2
