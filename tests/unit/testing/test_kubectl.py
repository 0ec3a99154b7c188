"""kubectl as a function: what it hands on, what it gives back, and how it fails."""

import time
from pathlib import Path

import pytest

from rumpf.errors import KubectlFailed
from rumpf.testing import Kubectl
from tests.unit.testing.programs import Programs


def _kubectl(programs: Programs, script: str, namespace: str | None = None) -> Kubectl:
    return Kubectl(programs.add("kubectl", script), Path("/the/kubeconfig"), namespace)


def test_it_returns_what_was_printed_and_hands_on_the_input(programs: Programs) -> None:
    kubectl = _kubectl(programs, "tr a-z A-Z; echo to whom it may concern >&2")
    assert kubectl("apply", "-f-", input="some yaml") == "SOME YAML"


def test_it_runs_in_its_namespace_unless_another_is_named(programs: Programs) -> None:
    kubectl = _kubectl(programs, "", "mine")
    kubectl("get", "pods")
    kubectl("get", "pods", "-n", "other")
    kubectl.within("another")("get", "pods")
    assert programs.calls == [
        "kubectl --kubeconfig=/the/kubeconfig --namespace=mine get pods",
        "kubectl --kubeconfig=/the/kubeconfig --namespace=mine get pods -n other",
        "kubectl --kubeconfig=/the/kubeconfig --namespace=another get pods",
    ]


def test_where_it_fails_the_error_has_what_it_said_and_how_to_do_it_by_hand(programs: Programs) -> None:
    kubectl = _kubectl(programs, "echo no such thing >&2; exit 3", "mine")
    with pytest.raises(KubectlFailed) as failed:
        kubectl("get", "pod", "my pod")
    assert str(failed.value) == (
        "kubectl get pod 'my pod': exit code 3\nno such thing\n"
        "  -> by hand (--keep-cluster leaves the cluster up): "
        "KUBECONFIG=/the/kubeconfig kubectl -n mine get pod 'my pod'"
    )


def test_a_failure_that_is_expected_is_no_error(programs: Programs) -> None:
    kubectl = _kubectl(programs, "echo half; exit 1")
    assert kubectl("get", "pods", check=False) == "half\n"
    assert kubectl.run("get", "pods").returncode == 1


def test_one_that_hangs_is_killed_in_time(programs: Programs) -> None:
    kubectl = _kubectl(programs, "exec sleep 1000")
    begun = time.monotonic()
    with pytest.raises(KubectlFailed, match=r"not done after 0\.2 s"):
        kubectl("get", "pods", timeout=0.2)
    assert time.monotonic() - begun < 5


def test_its_command_is_there_for_what_runs_beside_the_test(programs: Programs) -> None:
    kubectl = _kubectl(programs, "", "mine")
    assert kubectl.command("logs", "-f", "pod")[1:] == [
        "--kubeconfig=/the/kubeconfig",
        "--namespace=mine",
        "logs",
        "-f",
        "pod",
    ]
