"""What the operator asks of the API server, and what it may: the two are the same."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rumpf.testing import RunningCluster
from tests.e2e.message.stage import Messages, until

_CREATED = 201

Ask = tuple[str, str, str]


@pytest.mark.nodes("real", "fake")
def test_it_asks_for_all_that_it_may_and_for_nothing_else(
    messages: Messages, cluster: RunningCluster
) -> None:
    if cluster.backend != "embedded":
        pytest.skip("only an embedded cluster's audit log is at hand")
    user = f"system:serviceaccount:{messages.kubectl.namespace}:message-operator"
    with messages.operator(elects=True) as operator:
        live_a_whole_life(messages)
        assert operator.stop() == 0
    found = list(audited(cluster.kubeconfig.parent / "logs" / "audit.log", user))
    refused = [(ask, code) for ask, code in found if code in {401, 403}]
    assert refused == []
    asked = {ask for ask, _ in found}
    may = set(granted(messages))
    assert asked <= may
    assert may - asked == set(), "rules that were never used"


def live_a_whole_life(messages: Messages) -> None:
    """Create, change, break, take a name away, delete: every kind of request that it ever makes."""
    messages.create()
    messages.ready()
    messages.patch("another")
    messages.ready()
    image = {"spec": {"containers": [{"name": "printer", "image": "nowhere.invalid/none:1"}]}}
    messages.kubectl("patch", "pod", "msg-hello-msg", f"--patch={json.dumps(image)}")
    until(lambda: "Repaired" in messages.events(), "it mends the Pod")
    messages.kubectl("run", "msg-taken", f"--image={messages.image}", "--", "sleep", "1000")
    messages.create("taken")
    until(lambda: messages.condition("taken").get("reason") == "NameTaken", "it sees that the name is taken")
    # Another generation of the same trouble: the Event counts up.
    messages.patch("more", "taken")
    until(lambda: messages.get("taken")["status"]["observedGeneration"] == 2, "it looks again")
    messages.kubectl("delete", "message", "hello-msg", "taken")


def audited(log: Path, user: str) -> Iterator[tuple[Ask, int]]:
    """Give each request that a user made, and how it was answered."""
    for line in log.read_text().splitlines():
        event = json.loads(line)
        about = event.get("objectRef")
        if event["user"]["username"] != user or about is None:
            continue
        resource = "/".join(filter(None, (about["resource"], about.get("subresource"))))
        group, code = about.get("apiGroup", ""), event["responseStatus"]["code"]
        yield (group, resource, event["verb"]), code
        if event["verb"] == "patch" and code == _CREATED:
            # An apply that makes a new object: the API server asks for both rights.
            yield (group, resource, "create"), code


def granted(messages: Messages) -> Iterator[Ask]:
    """Give each right that the operator was given."""
    roles = json.loads(messages.kubectl("get", "roles", "--output=json"))["items"]
    for role in roles:
        for rule in role["rules"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    yield rule["apiGroups"][0], resource, verb
