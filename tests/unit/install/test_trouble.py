"""What keeps a Pod from running, read from its status."""

from typing import Any

import pytest

from rumpf.install.trouble import trouble_of


def pod(**status: object) -> dict[str, Any]:
    return {"metadata": {"name": "operator-1"}, "status": status}


def container(waiting: dict[str, str] | None = None, **more: object) -> dict[str, Any]:
    return {"image": "registry/x:1", "state": {"waiting": waiting} if waiting else {"running": {}}, **more}


def test_a_pod_that_starts_has_no_trouble() -> None:
    assert trouble_of(pod()) is None
    assert trouble_of(pod(containerStatuses=[container({"reason": "ContainerCreating"})])) is None
    assert trouble_of(pod(containerStatuses=[container(ready=True)])) is None


@pytest.mark.parametrize(
    ("reason", "lasting"),
    [("ErrImagePull", False), ("ImagePullBackOff", True), ("InvalidImageName", True)],
)
def test_an_image_that_cannot_be_pulled_is_named_with_a_way_out(reason: str, lasting: bool) -> None:  # noqa: FBT001
    found = trouble_of(pod(containerStatuses=[container({"reason": reason, "message": "no such host"})]))
    assert found is not None
    assert str(found) == f"{reason}: no such host"
    assert found.lasting is lasting
    assert "registry/x:1" in found.remedy
    assert "--image" in found.remedy


def test_one_that_crashed_says_with_which_code_not_how_long_it_is_to_wait() -> None:
    crashed = container(
        {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"},
        lastState={"terminated": {"exitCode": 1, "reason": "Error"}},
    )
    found = trouble_of(pod(containerStatuses=[crashed]))
    assert found is not None
    assert str(found) == "CrashLoopBackOff: exit code 1 Error"
    assert found.crashed
    assert "log" in found.remedy


def test_one_that_is_restarted_again_and_again_is_in_trouble_though_it_runs() -> None:
    once = container(ready=False, restartCount=1, lastState={"terminated": {"exitCode": 0}})
    assert trouble_of(pod(containerStatuses=[once])) is None
    found = trouble_of(pod(containerStatuses=[{**once, "restartCount": 3}]))
    assert found is not None
    assert str(found) == "Restarted: 3 times, the last one with exit code 0"
    assert found.lasting


def test_one_that_no_node_takes_may_still_be_taken() -> None:
    unschedulable = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available",
    }
    found = trouble_of(pod(conditions=[unschedulable]))
    assert found is not None
    assert str(found) == "Unschedulable: 0/1 nodes are available"
    assert not found.lasting
