"""The pytest plugin as somebody else's project uses it: runs of pytest inside of this one.

Most of them use the cluster of the outer run as an existing one, so they take no time of their own.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rumpf.cluster import attach, clusters
from rumpf.paths import cache_dir
from rumpf.testing import Kubectl, RunningCluster

pytest_plugins = ["pytester"]

# pytester changes HOME.
CACHE = cache_dir()
RunInside = Callable[..., pytest.RunResult]


@pytest.fixture
def outer(cluster: RunningCluster) -> Kubectl:
    """Reach the cluster that the inner runs use."""
    return Kubectl(cluster.kubectl, cluster.kubeconfig)


@pytest.fixture
def run_inside(
    pytester: pytest.Pytester, cluster: RunningCluster, monkeypatch: pytest.MonkeyPatch
) -> RunInside:
    """Run pytest on a test file against the cluster of this run, or with other options."""
    monkeypatch.setenv("RUMPF_CACHE", str(CACHE))
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)

    def run(test: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test)
        given = options or ("--cluster=existing",)
        return pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", *given, timeout=120)

    return run


@pytest.mark.nodes("real")
def test_a_failed_test_shows_what_a_person_would_look_for(run_inside: RunInside) -> None:
    result = run_inside(
        """
        import json, pathlib

        POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sad"}, "spec": {
            "restartPolicy": "Never", "containers": [
                {"name": "main", "image": "rumpf.local/busybox:1",
                 "command": ["sh", "-c", "echo words of the dying; exit 3"]},
                {"name": "missing", "image": "rumpf.local/nowhere:1", "imagePullPolicy": "Never"}]}}

        def test_it(kubectl, namespace, busybox, faults, rumpf_logs, tmp_path):
            log = tmp_path / "operator.log"
            log.write_text("".join(f"operator line {number}\\n" for number in range(200)))
            rumpf_logs.add("log of the operator", log)
            kubectl("apply", "-f-", input=json.dumps(POD))
            for state in ("[0].state.terminated.exitCode}=3", "[1].state.waiting.reason}=ErrImageNeverPull"):
                path = "{.status.containerStatuses" + state
                kubectl("wait", "pod/sad", f"--for=jsonpath={path}", "--timeout=30s")
            with faults.frozen("kube-scheduler"):
                assert "it works" == ""
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*rumpf: faults*",
            "*kube-scheduler frozen  <- AssertionError while it was active",
            "*rumpf: events of namespace it-*",
            "*Normal Scheduled Pod/sad: Successfully assigned*",
            "*Warning Failed Pod/sad: Error: ErrImageNeverPull*",
            "*rumpf: Pods of namespace it-*",
            "sad * 0/2 *",
            "  container main: terminated (Error), exit code 3, 0 restarts",
            "  container missing: waiting (ErrImageNeverPull: *",
            "*rumpf: log of sad, main*",
            "words of the dying",
            "*rumpf: log of the operator*",
            "... 150 lines before",
            "operator line 150",
            "operator line 199",
        ]
    )
    result.stdout.no_fnmatch_line("operator line 149")


def test_a_test_that_fails_while_it_is_set_up_shows_it_too(run_inside: RunInside) -> None:
    result = run_inside(
        """
        import pytest

        @pytest.fixture
        def half_way(kubectl, namespace):
            kubectl("create", "configmap", "made")
            raise RuntimeError("no further")

        def test_it(half_way):
            pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*rumpf: events of namespace it-*", "*rumpf: Pods of namespace it-*"])


def test_a_test_that_passes_shows_nothing(run_inside: RunInside) -> None:
    result = run_inside(
        "def test_it(kubectl, namespace): kubectl('get', 'pods')", "--cluster=existing", "-rA"
    )
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*rumpf:*")


def test_what_cannot_be_looked_at_is_said_in_a_few_seconds(run_inside: RunInside) -> None:
    result = run_inside(
        """
        import pytest

        @pytest.fixture
        def nobody_answers(faults):
            with faults.frozen("kube-apiserver"):
                yield

        def test_it(kubectl, namespace, nobody_answers):
            assert False
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*rumpf: events of*", "(not to be had: *"])
    assert result.duration < 30


def test_a_namespace_is_the_tests_own_and_gone_afterwards(run_inside: RunInside, outer: Kubectl) -> None:
    result = run_inside(
        """
        import pathlib, pytest

        @pytest.mark.parametrize("name", ["Some Words!", "x" * 100])
        def test_it(kubectl, namespace, name):
            with pathlib.Path("names").open("a") as file:
                print(namespace, file=file)
            kubectl("get", "serviceaccount", "default")
            kubectl("create", "configmap", "mine")
            assert kubectl("get", "configmap", "--all-namespaces", "--field-selector=metadata.name=mine")
            assert "mine" in kubectl("get", "configmaps", "-n", namespace)
            assert "mine" not in kubectl("get", "configmaps", "-n", "default")
        """
    )
    result.assert_outcomes(passed=2)
    names = Path("names").read_text().split()
    assert len(set(names)) == 2
    for name in names:
        outer("wait", "--for=delete", f"namespace/{name}", "--timeout=30s")


def test_a_test_that_asks_for_kubectl_or_faults_alone_has_a_namespace_of_its_own_too(
    run_inside: RunInside, outer: Kubectl
) -> None:
    result = run_inside(
        """
        import pathlib

        def test_kubectl(kubectl):
            kubectl("create", "configmap", "mine")
            pathlib.Path("names").write_text(kubectl.namespace)

        def test_faults(faults, request):
            assert faults.namespace == request.getfixturevalue("namespace")
            assert faults.namespace != "default"
        """
    )
    result.assert_outcomes(passed=2)
    name = Path("names").read_text()
    assert name.startswith("kubectl-")
    assert "mine" not in outer("get", "configmaps", "--namespace=default")
    outer("wait", "--for=delete", f"namespace/{name}", "--timeout=30s")


@pytest.mark.nodes("real")
def test_a_fault_that_makes_no_sense_is_told_at_the_line_of_the_test(run_inside: RunInside) -> None:
    result = run_inside(
        """
        def test_component(faults):
            with faults.killed("api-server"): pass

        def test_pod(faults):
            with faults.cut("nobody", "api"): pass

        def test_rate(faults):
            with faults.slow("nobody", rate="fast"): pass

        def test_signal(kubectl, faults, busybox):
            kubectl("run", "one", f"--image={busybox}", "--", "sleep", "1000")
            kubectl("wait", "pod/one", "--for=condition=Ready", "--timeout=60s")
            faults.kill_container("one", signal="NONE")
        """
    )
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(
        [
            '> *with faults.killed("api-server"): pass',
            "E *FaultError: *: this cluster has no component 'api-server'",
            "E *-> it has: etcd, kube-apiserver, *",
            '> *with faults.cut("nobody", "api"): pass',
            "E *FaultError: Pod pod-*/nobody: there is no such Pod",
            "E *FaultError: faults.slow: 'fast' is no rate",
            "E *FaultError: faults.kill_container: there is no signal 'NONE'",
        ]
    )
    for ours in ("*rumpf/testing/*", "*contextlib.py*"):
        result.stdout.no_fnmatch_line(ours)


def test_pods_of_a_test_are_killed_when_it_is_over(run_inside: RunInside, outer: Kubectl) -> None:
    result = run_inside(
        """
        import json, pathlib

        def test_it(kubectl, namespace, busybox):
            pathlib.Path("name").write_text(namespace)
            kubectl("create", "deployment", "stubborn", f"--image={busybox}", "--", "sleep", "1000")
            kubectl("rollout", "status", "deployment/stubborn", "--timeout=60s")
        """
    )
    result.assert_outcomes(passed=1)
    # By itself it would take the thirty seconds that a Pod is given to end.
    assert outer("get", "pods", "-n", Path("name").read_text(), "--output=name") == ""


def test_kubectl_says_what_went_wrong_and_how_to_try_it_by_hand(run_inside: RunInside) -> None:
    result = run_inside("def test_it(kubectl, namespace): kubectl('get', 'unicorns')")
    result.stdout.fnmatch_lines(
        [
            "*KubectlFailed: kubectl get unicorns: exit code 1",
            '*the server doesn\'t have a resource type "unicorns"',
            "*-> by hand*KUBECONFIG=* kubectl -n it-* get unicorns",
        ]
    )


def test_a_kept_cluster_stays_up_with_the_failed_tests_namespace_and_says_how_to_look_inside(
    run_inside: RunInside,
) -> None:
    result = run_inside(
        """
        import pathlib

        def test_bad(cluster, kubectl, namespace):
            pathlib.Path("cluster").write_text(f"{cluster.name} {namespace}")
            assert False

        def test_good(kubectl, namespace):
            with pathlib.Path("cluster").open("a") as file:
                print("", namespace, file=file)
        """,
        "--nodes=none",
        "--keep-cluster",
    )
    name, bad, good = Path("cluster").read_text().split()
    kept = attach(name)
    try:
        result.assert_outcomes(failed=1, passed=1)
        result.stdout.fnmatch_lines(
            [
                f"cluster {name} (embedded, no nodes) is still up:",
                f"  look inside:  export KUBECONFIG={kept.kubeconfig}",
                f"  end it:       rumpf cluster down --name {name}",
                "*test_bad failed here:",
                f"*kubectl --kubeconfig {kept.kubeconfig} -n {bad} get events,pods",
            ]
        )
        inside = Kubectl(Path(kept.binaries["kubectl"]), kept.kubeconfig)
        phases = json.loads(inside("get", "namespaces", "--output=json"))["items"]
        assert {each["metadata"]["name"]: each["status"]["phase"] for each in phases}[bad] == "Active"
        inside("wait", "--for=delete", f"namespace/{good}", "--timeout=30s")
    finally:
        kept.down()


def test_without_it_nothing_stays_up(run_inside: RunInside) -> None:
    result = run_inside(
        """
        import pathlib

        def test_it(cluster, kubectl):
            pathlib.Path("name").write_text(cluster.name)
            assert kubectl("get", "--raw=/readyz") == "ok"
        """,
        "--nodes=none",
    )
    result.assert_outcomes(passed=1)
    assert Path("name").read_text() not in {each.name for each in clusters()}


def test_each_worker_of_xdist_has_a_cluster_of_its_own(run_inside: RunInside) -> None:
    pytest.importorskip("xdist")
    result = run_inside(
        """
        import pathlib, pytest

        @pytest.mark.parametrize("number", [1, 2])
        def test_it(cluster, kubectl, number):
            pathlib.Path(f"cluster{number}").write_text(cluster.name)
            kubectl("create", "configmap", "of-only-one")
        """,
        "--nodes=fake",
        "--numprocesses=2",
    )
    result.assert_outcomes(passed=2)
    names = {Path(f"cluster{number}").read_text() for number in (1, 2)}
    assert {name.rpartition("-")[2] for name in names} == {"gw0", "gw1"}
    assert not {each.name for each in clusters()} & names
