"""kubectl as a function: what it hands on, what it gives back, and how it fails."""

import time
from pathlib import Path
from typing import Any

import pytest

from rumpf.errors import KubectlFailed, UsageError
from rumpf.testing import Kubectl
from tests.unit.testing.programs import Programs

pytest_plugins = ["pytester"]


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


def test_a_failure_that_is_expected_is_what_run_returns(programs: Programs) -> None:
    done = _kubectl(programs, "echo half; echo why >&2; exit 1").run("get", "pods")
    assert (done.returncode, done.stdout, done.stderr) == (1, "half\n", "why\n")


def test_one_that_hangs_is_killed_in_time(programs: Programs) -> None:
    kubectl = _kubectl(programs, "echo half; echo waiting >&2; exec sleep 1000")
    begun = time.monotonic()
    with pytest.raises(KubectlFailed, match=r"waiting\nkilled: not done after 0\.2 s"):
        kubectl("get", "pods", timeout=0.2)
    killed = kubectl.run("get", "pods", timeout=0.2)
    assert time.monotonic() - begun < 5
    assert (killed.returncode, killed.stdout) == (-9, "half\n")
    assert killed.stderr == "waiting\nkilled: not done after 0.2 s"


def test_a_file_may_be_named_by_its_path(programs: Programs) -> None:
    _kubectl(programs, "")("apply", "-f", Path("/some/where"))
    assert programs.calls == ["kubectl --kubeconfig=/the/kubeconfig apply -f /some/where"]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("get pods", "kubectl('get', 'pods')"),
        ("-n other get pods -l a=b", "kubectl('-n', 'other', 'get', 'pods', '-l', 'a=b')"),
        ("kubectl get pods", "kubectl('get', 'pods')"),
    ],
)
def test_a_whole_command_line_is_refused_with_what_was_meant(
    programs: Programs, line: str, meant: str
) -> None:
    kubectl = _kubectl(programs, "")
    for call in (kubectl, kubectl.run, kubectl.command):
        with pytest.raises(UsageError, match="arguments are separate") as refused:
            call(line)
        assert refused.value.remedy == meant
    assert programs.calls == []


def test_blanks_are_fine_where_they_mean_something(programs: Programs) -> None:
    kubectl = _kubectl(programs, "")
    kubectl("--as=some body", "get", "pods")
    kubectl("annotate", "pod/one", "note=two words")
    assert len(programs.calls) == 2


def test_what_is_no_argument_of_a_command_is_refused(programs: Programs) -> None:
    kubectl: Any = _kubectl(programs, "")
    with pytest.raises(UsageError, match=r"\['get', 'pods'\] is no text") as refused:
        kubectl(["get", "pods"])
    assert "kubectl(*words)" in refused.value.remedy
    with pytest.raises(UsageError, match="the argument 3 is no text"):
        kubectl("scale", "deployment/web", "--replicas", 3)


def test_of_what_subprocess_would_take_it_says_what_to_do_instead(programs: Programs) -> None:
    # As somebody without a type checker calls it.
    kubectl: Any = _kubectl(programs, "")
    with pytest.raises(UsageError, match=r"kubectl.run\(...\): there is no check= here") as refused:
        kubectl.run("get", "pods", check=True)
    assert refused.value.remedy == "it never raises where kubectl fails: look at .returncode"
    with pytest.raises(UsageError, match=r"kubectl\(...\): there is no check= here") as refused:
        kubectl("get", "pods", check=False)
    assert refused.value.remedy == "it raises where kubectl fails; kubectl.run(...) never does"
    with pytest.raises(UsageError, match="there is no cwd= and no text= here"):
        kubectl("get", "pods", cwd="/", text=True)
    assert programs.calls == []


def test_an_error_is_shown_at_the_line_of_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pathlib, pytest
        from rumpf.testing import Kubectl

        kubectl = Kubectl(pathlib.Path("/bin/false"), pathlib.Path("kubeconfig"))

        def test_fails(): kubectl("get", "pods")
        def test_line(): kubectl.run("get pods")
        def test_check(): kubectl.run("get", "pods", check=True)
        def test_list(): kubectl.command(["get", "pods"])
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", timeout=60)
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(
        [
            '> *def test_fails(): kubectl("get", "pods")',
            "E *KubectlFailed: kubectl get pods: exit code 1",
            "test_an_error_*.py:6: KubectlFailed",
        ]
    )
    result.stdout.no_fnmatch_line("*kubectl.py*")


def test_its_command_is_there_for_what_runs_beside_the_test(programs: Programs) -> None:
    kubectl = _kubectl(programs, "", "mine")
    assert kubectl.command("logs", "-f", "pod")[1:] == [
        "--kubeconfig=/the/kubeconfig",
        "--namespace=mine",
        "logs",
        "-f",
        "pod",
    ]
