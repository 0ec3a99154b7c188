"""Message when the API server is away, slow or unwilling, and when a leader dies."""

import json
from functools import partial

import pytest

from rumpf.testing import Faults
from tests.e2e.message.stage import Messages, until

real = pytest.mark.nodes("real")
COUNT = 20


@real
def test_an_api_server_that_is_away_for_half_a_minute_costs_nothing_but_time(
    messages: Messages, faults: Faults
) -> None:
    with faults.proxy() as proxy:
        identity = proxy.identity("operator", token=messages.operators.token("message"))
        operator = messages.operator(kubeconfig=identity.kubeconfig)
        messages.create(text="first")
        messages.ready()
        with proxy.down():
            messages.patch("second")
            messages.create("another", "new")
            until_silent(30)
        messages.ready(seconds=60)
        messages.ready("another", seconds=60)
        until(lambda: messages.prints("second"), "the new text is printed")
        assert operator.process.poll() is None, "it is the same process"
        assert len(messages.pods()) == 2


@real
@pytest.mark.parametrize("code", [429, 409, 500])
def test_a_burst_of_refusals_is_survived(messages: Messages, faults: Faults, code: int) -> None:
    with faults.proxy() as proxy:
        identity = proxy.identity("operator", token=messages.operators.token("message"))
        messages.operator(kubeconfig=identity.kubeconfig)
        with proxy.refuse(code, writes=True, client="operator", times=5) as refused:
            messages.create(text="text")
            messages.ready(seconds=60)
        assert refused.hits == 5
        until(lambda: messages.prints("text"), "it is printed")
        assert len(messages.pods()) == 1


@real
def test_watches_that_are_cut_miss_nothing(messages: Messages, faults: Faults) -> None:
    with faults.proxy() as proxy:
        identity = proxy.identity("operator", token=messages.operators.token("message"))
        messages.operator(kubeconfig=identity.kubeconfig)
        for number in range(5):
            proxy.cut_watches(client="operator")
            messages.create(f"msg-{number}", f"text {number}")
        for number in range(5):
            messages.ready(f"msg-{number}")
            until(partial(messages.prints, f"text {number}", f"msg-msg-{number}"), "it is printed")


def test_a_leader_killed_in_a_burst_loses_nothing_and_doubles_nothing(messages: Messages) -> None:
    leader = messages.operator(elects=True)
    until(lambda: leads(messages) == "message-1", "the first one leads")
    messages.operator(elects=True)
    manifests = [messages.manifest(f"burst-{number}", f"text {number}") for number in range(COUNT)]
    for number, manifest in enumerate(manifests):
        messages.kubectl("create", "--filename=-", input=json.dumps(manifest))
        if number == COUNT // 2:
            leader.kill()
    for number in range(COUNT):
        messages.ready(f"burst-{number}", seconds=60)
    assert leads(messages) == "message-2"
    pods = {
        pod["metadata"]["name"]: pod["spec"]["containers"][0]["env"][0]["value"] for pod in messages.pods()
    }
    assert pods == {f"msg-burst-{number}": f"text {number}" for number in range(COUNT)}
    created = [reason for reason in messages.events() if reason == "Created"]
    assert len(created) <= COUNT


def test_a_leader_that_is_asked_to_stop_hands_over_at_once(messages: Messages) -> None:
    first = messages.operator(elects=True)
    until(lambda: leads(messages) == "message-1", "the first one leads")
    messages.operator(elects=True)
    assert first.stop() == 0
    until(lambda: leads(messages) == "message-2", "the second one leads", seconds=4)
    messages.create()
    messages.ready()


def leads(messages: Messages) -> str:
    """Tell which replica holds the Lease: the name of its Pod."""
    holder = messages.kubectl.run(
        "get", "lease", "message-operator", "--output=jsonpath={.spec.holderIdentity}"
    )
    return holder.stdout.split("_")[0]


def until_silent(seconds: float) -> None:
    """Let the API server be away for so long: the time is what is tested, nothing is waited for."""
    import time

    time.sleep(seconds)
