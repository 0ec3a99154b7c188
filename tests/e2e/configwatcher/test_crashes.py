"""The operator killed before and after each of its writes: each Pod is restarted once, none is forgotten."""

from typing import Literal, NamedTuple

import pytest

from rumpf.testing import Faults, OperatorProcess
from rumpf.testing.proxy import ApiProxy, except_leases_and_events
from tests.e2e.configwatcher.admin import Object
from tests.e2e.configwatcher.stage import RESTART, Stage, on_fake_nodes, until

cluster = on_fake_nodes

Moment = Literal["before", "after"]
SETTLED = 60.0


class Scenario(NamedTuple):
    """What the operator is to be killed during."""

    name: str
    replicas: int
    writes: int
    """So many it takes at least."""
    strategy: str = "Evict"


SCENARIOS = (
    Scenario("change", replicas=1, writes=3),
    Scenario("manual", replicas=2, writes=4),
    Scenario("rollout", replicas=4, writes=6),
    Scenario("deletion", replicas=2, writes=4, strategy="Delete"),
    Scenario("template", replicas=2, writes=3, strategy="Rollout"),
)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_killed_at_every_write_it_restarts_each_pod_once(
    stage: Stage, faults: Faults, scenario: Scenario, moment: Moment
) -> None:
    with faults.proxy() as proxy:
        made = 0
        while kill_at(stage, proxy, scenario, made + 1, moment):
            made += 1
            assert made < 20, "it never stops writing"
    assert made >= scenario.writes, f"{scenario.writes} writes at least; {made} were tried"


def test_a_leader_killed_in_the_middle_of_a_restart_is_followed_by_one_that_goes_on(
    stage: Stage, faults: Faults
) -> None:
    replicas = 8
    with faults.proxy() as proxy:
        identity = proxy.identity("leader", token=stage.operators.token("configwatcher"))
        leader = stage.operator(elects=True, kubeconfig=identity.kubeconfig)
        until(lambda: leads(stage) == "configwatcher-1", "the first one leads")
        stage.operator(elects=True)
        begin(stage, "webapp", replicas, maxUnavailable=1)
        since = len(stage.pods.frames)
        # Or it would be over before anybody could kill it.
        with proxy.delay(0.2, resource="pods/eviction"):
            stage.change("webapp", message="Updated!")
            until(lambda: stage.births("webapp") > replicas + 2, "some are restarted")
            leader.kill()
    assert stage.restarts("webapp") == 0, "it was killed in the middle"
    assert_restarted_once(stage, "webapp", replicas)
    assert leads(stage) == "configwatcher-2"
    assert stage.fewest_ready("webapp", since) >= replicas - 1


def kill_at(stage: Stage, proxy: ApiProxy, scenario: Scenario, write: int, moment: Moment) -> bool:
    """Kill the operator at one of its writes, start another; tell whether there was such a write."""
    name = f"{scenario.name}-{write}"
    # A name of its own for each: what an earlier process still has under way is not this one's.
    identity = proxy.identity(name, token=stage.operators.token("configwatcher"))
    with stage.operator(kubeconfig=identity.kubeconfig) as operator:
        begin(stage, name, scenario.replicas, strategy=scenario.strategy)
        before = len(proxy.requests(writes=True, client=name, matching=except_leases_and_events))
        arm = proxy.kill_before if moment == "before" else proxy.kill_after
        with arm(operator, write=write, client=name, matching=except_leases_and_events) as kill:

            def over() -> bool:
                # The last write is seen before the one who made it is dead.
                made = (
                    len(proxy.requests(writes=True, client=name, matching=except_leases_and_events)) - before
                )
                return kill.fired or (made < write and is_over(stage, name, operator))

            if scenario.name == "manual":
                stage.annotate(RESTART, "now", name)
            else:
                stage.change(name, message="Updated!")
            until(over, f"{name} is over", SETTLED)
            fired = kill.fired
        if fired:
            kill.wait()
    with stage.operator():
        assert_restarted_once(stage, name, scenario.replicas)
    return fired


def begin(stage: Stage, name: str, replicas: int, **spec: object) -> None:
    """Bring up an application whose ConfigMap is watched."""
    stage.configmap(name)
    stage.deployment(name, replicas)
    stage.watcher(name, app=name, config=name, **spec)
    stage.adopted(name)


def is_over(stage: Stage, name: str, operator: OperatorProcess) -> bool:
    """Whether a restart is over, and the operator alive."""
    return operator.process.poll() is None and stage.restarts(name) == 1


def assert_restarted_once(stage: Stage, name: str, replicas: int) -> None:
    """Wait until all is done; as many Pods as there were have come since, and no more.

    It may not be told: the first Pods go while it is being written down why.
    """
    before = first_status(stage, name)

    def is_done() -> bool:
        status = stage.status(name)
        news = (status["sources"], status.get("restartHandled")) != (before["sources"], None)
        return bool(news and status["phase"] == "Watching")

    stage.until(is_done, f"{name} is done", SETTLED)
    stage.serves(name, replicas)
    stage.looked()
    assert stage.births(name) == 2 * replicas, f"{name}: so many Pods there ever were"
    assert stage.restarts(name) <= 1


def first_status(stage: Stage, name: str) -> Object:
    """Return the status that was written when the sources were adopted."""
    found: Object = next(
        status
        for frame in stage.watchers.frames
        if "sources" in (status := frame.get(name, {}).get("status", {}))
    )
    return found


def leads(stage: Stage) -> str:
    """Tell which replica holds the Lease: the name of its Pod."""
    asked = ("get", "lease", "configwatcher-operator", "--output=jsonpath={.spec.holderIdentity}")
    return stage.kubectl.run(*asked).stdout.split("_")[0]
