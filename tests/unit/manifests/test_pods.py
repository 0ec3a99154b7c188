"""The restricted Pod Security Standard, rule by rule. That admission thinks alike is an e2e test."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from rumpf.manifests.pods import containers_of, pods_in, restricted
from tests.unit.manifests.pod_changes import CHANGES, GOOD


def test_a_pod_that_gives_up_all_rights_is_restricted() -> None:
    assert list(restricted(GOOD)) == []


@pytest.mark.parametrize(("change", "allowed"), CHANGES.values(), ids=CHANGES)
def test_one_change_is_found_or_is_fine(change: Callable[[Any], Any], allowed: bool) -> None:  # noqa: FBT001
    spec = copy.deepcopy(GOOD)
    change(spec)
    findings = list(restricted(spec))
    assert (findings == []) is allowed
    assert all(each.path and each.what and each.remedy for each in findings)


def test_a_finding_says_in_which_container() -> None:
    spec = copy.deepcopy(GOOD)
    spec["initContainers"][0]["securityContext"]["privileged"] = True
    (finding,) = restricted(spec)
    assert (finding.path, finding.what) == ("initContainers[0].securityContext", "it is privileged")


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet"])
def test_pods_are_found_wherever_they_are_described(kind: str) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": GOOD}
    (found,) = pods_in([{"kind": kind, "metadata": {"namespace": "n"}, "spec": {"template": template}}])
    assert (found.namespace, found.labels, found.spec) == ("n", {"a": "b"}, GOOD)


def test_pods_of_a_cron_job_and_bare_ones_are_found_and_others_have_none() -> None:
    cron = {"jobTemplate": {"spec": {"template": {"spec": GOOD}}}}
    found = pods_in(
        [
            {"kind": "CronJob", "metadata": {}, "spec": cron},
            {"kind": "Pod", "metadata": {}, "spec": GOOD},
            {"kind": "ConfigMap", "metadata": {}},
        ]
    )
    assert [each.owner["kind"] for each in found] == ["CronJob", "Pod"]


def test_all_containers_are_looked_at() -> None:
    spec = GOOD | {"ephemeralContainers": [{}]}
    assert [path for path, _ in containers_of(spec)] == [
        "initContainers[0]",
        "containers[0]",
        "ephemeralContainers[0]",
    ]
