"""The operator killed before and after each of its writes: it always ends with one right Pod."""

from typing import Literal

import pytest

from rumpf.testing import Faults, OperatorProcess
from rumpf.testing.proxy import ApiProxy, except_leases_and_events
from tests.e2e.message.stage import COLLECTED, Messages, until

pytestmark = pytest.mark.nodes("real")

Moment = Literal["before", "after"]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("scenario", "writes"), [("create", 3), ("patch", 3), ("delete", 0)])
def test_killed_at_every_write_it_always_ends_with_one_right_pod(
    messages: Messages, faults: Faults, scenario: str, writes: int, moment: Moment
) -> None:
    with faults.proxy() as proxy:
        made = 0
        while kill_at(messages, proxy, scenario, made + 1, moment):
            made += 1
            assert made < 20, "it never stops writing"
    assert made >= writes, f"a {scenario} takes {writes} writes at least; {made} were tried"


def kill_at(messages: Messages, proxy: ApiProxy, scenario: str, write: int, moment: Moment) -> bool:
    """Kill the operator at one of its writes, start another; tell whether there was such a write."""
    name = f"{scenario}-{write}"
    # A name of its own for each: what an earlier process still has under way is not this one's.
    identity = proxy.identity(name, token=messages.operators.token("message"))
    if scenario != "create":
        with messages.operator():
            messages.create(name, "first")
            messages.ready(name)
    with messages.operator(kubeconfig=identity.kubeconfig) as operator:
        arm = proxy.kill_before if moment == "before" else proxy.kill_after
        with arm(operator, write=write, client=name, matching=except_leases_and_events) as kill:
            act(messages, scenario, name)
            until(
                lambda: kill.fired or settled(messages, scenario, name, operator),
                f"{name} is settled",
                COLLECTED,
            )
            fired = kill.fired
        if fired:
            kill.wait()
    with messages.operator():
        until(lambda: settled(messages, scenario, name), f"{name} is settled by the next one", 60)
        if scenario != "delete":
            messages.ready(name)
            until(lambda: messages.prints("text", f"msg-{name}"), f"{name} is printed")
        if messages.get(name) if scenario != "delete" else False:
            messages.kubectl("delete", "message", name)
        until(lambda: messages.pods() == [], "its Pod is gone", COLLECTED)
    return fired


def act(messages: Messages, scenario: str, name: str) -> None:
    """Do what the operator is to be killed during."""
    match scenario:
        case "create":
            messages.create(name, "text")
        case "patch":
            messages.patch("text", name)
        case "delete":
            messages.kubectl("delete", "message", name)


def settled(messages: Messages, scenario: str, name: str, operator: OperatorProcess | None = None) -> bool:
    """Tell whether all is as it should be, seen from outside; and that the `operator`, if any, is alive."""
    pods = [pod for pod in messages.pods() if pod["metadata"]["name"] == f"msg-{name}"]
    if scenario == "delete":
        return pods == []
    if operator is not None and operator.process.poll() is not None:
        return False
    return (
        len(pods) == 1
        and pods[0]["spec"]["containers"][0]["env"] == [{"name": "TEXT", "value": "text"}]
        and messages.condition(name).get("status") == "True"
        and messages.get(name)["status"]["observedGeneration"] == messages.get(name)["metadata"]["generation"]
    )
