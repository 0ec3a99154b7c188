"""Events as a real API server takes them, and as kubectl shows them."""

import asyncio
import json
from typing import Any

import pytest

from rumpf.api import Api, connect
from rumpf.kinds import Kind
from rumpf.resource import ObjectMeta
from rumpf.runtime.events import Limits, Recorder
from rumpf.testing import Kubectl, RunningCluster

CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps")
NAMESPACE = Kind("", "v1", "Namespace", "namespaces", namespaced=False)


class Told:
    """A recorder at a real API server, and what became of what it was given."""

    def __init__(self, cluster: RunningCluster) -> None:
        self._kubeconfig = str(cluster.kubeconfig)
        self.outcomes: list[str] = []

    def tell(self, *notes: tuple[Kind, ObjectMeta, str, str]) -> None:
        """Tell of these, one by one."""

        async def all_of_them() -> None:
            async with Api(connect(self._kubeconfig)) as api:
                recorder = Recorder(
                    api, "message-operator", "one", noted=self.outcomes.append, limits=Limits(count_every=0)
                )
                async with recorder:
                    for kind, metadata, reason, message in notes:
                        recorder.note(kind, metadata, "Normal", reason, message)
                        await recorder.flush(10)

        asyncio.run(all_of_them())


@pytest.fixture
def told(cluster: RunningCluster) -> Told:
    return Told(cluster)


@pytest.fixture
def subject(kubectl: Kubectl, namespace: str) -> ObjectMeta:
    """An object that something happens to."""
    kubectl("create", "configmap", "hello")
    uid = kubectl("get", "configmap", "hello", "-o", "jsonpath={.metadata.uid}")
    return ObjectMeta(name="hello", namespace=namespace, uid=uid)


def events(kubectl: Kubectl) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(kubectl("get", "events.events.k8s.io", "-o", "json"))["items"]
    return [event for event in found if event["reportingController"] == "message-operator"]


def test_what_happened_is_shown_by_kubectl_describe(
    kubectl: Kubectl, told: Told, subject: ObjectMeta
) -> None:
    told.tell((CONFIG_MAP, subject, "Created", "안녕 🙂"))
    (event,) = events(kubectl)
    assert event["regarding"]["uid"] == subject.uid
    described = kubectl("get", "events", "--field-selector", "involvedObject.name=hello")
    assert "Created" in described
    assert "안녕 🙂" in described


def test_what_happened_thrice_is_one_event_that_says_so(
    kubectl: Kubectl, told: Told, subject: ObjectMeta
) -> None:
    told.tell(*[(CONFIG_MAP, subject, "Repaired", "it was changed")] * 3)
    (event,) = events(kubectl)
    assert event["series"]["count"] == 3
    assert told.outcomes == ["posted", "counted", "counted"]


def test_a_text_of_any_length_and_a_word_of_any_length_are_accepted(
    kubectl: Kubectl, told: Told, subject: ObjectMeta
) -> None:
    told.tell((CONFIG_MAP, subject, "R" * 300, "🙂" * 3000))
    assert told.outcomes == ["posted"]
    assert len(events(kubectl)) == 1


def test_an_event_about_what_has_no_namespace_is_accepted(
    kubectl: Kubectl, told: Told, namespace: str
) -> None:
    told.tell((NAMESPACE, ObjectMeta(name=namespace, uid=namespace), "Seen", "it was seen"))
    assert told.outcomes == ["posted"]
    found = events(kubectl.within("default"))
    assert [event["note"] for event in found if event["regarding"]["name"] == namespace] == ["it was seen"]


def test_an_event_in_a_namespace_that_is_gone_is_lost_and_does_no_harm(told: Told) -> None:
    told.tell((CONFIG_MAP, ObjectMeta(name="x", namespace="no-such", uid="1"), "Created", "it was created"))
    assert told.outcomes == ["failed"]
