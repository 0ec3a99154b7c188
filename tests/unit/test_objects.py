"""What the views of Kubernetes' own objects say of them."""

from typing import Any

import pytest

from rumpf import Deployment, StatefulSet

CALM = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}


def deployment(status: dict[str, Any], replicas: int = 2) -> Deployment:
    return Deployment.of({"metadata": {"generation": 2}, "spec": {"replicas": replicas}, "status": status})


def test_a_deployment_is_ready_once_all_of_it_is_new_and_available() -> None:
    assert deployment(CALM).ready


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({}, "nobody has looked at it yet"),
        ({**CALM, "observedGeneration": 1}, "the status is about an older one"),
        ({**CALM, "updatedReplicas": 1}, "one is of an older template"),
        ({**CALM, "availableReplicas": 1}, "one does not answer yet"),
        ({**CALM, "replicas": 3}, "one more is there: of those available, one is of an older template"),
    ],
)
def test_a_deployment_on_its_way_is_not_ready(status: dict[str, Any], why: str) -> None:
    assert not deployment(status).ready, why


def test_a_deployment_scaled_to_nothing_is_ready_when_nothing_is_left() -> None:
    assert deployment({"observedGeneration": 2}, replicas=0).ready
    assert not deployment(CALM, replicas=0).ready


def test_a_stateful_set_is_ready_once_all_of_it_is_new_and_ready() -> None:
    status = {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3}
    there = {"metadata": {"generation": 1}, "spec": {"replicas": 3}}
    assert StatefulSet.of({**there, "status": status}).ready
    assert not StatefulSet.of({**there, "status": {**status, "updatedReplicas": 2}}).ready
    assert not StatefulSet.of({**there, "status": {**status, "readyReplicas": 2}}).ready
