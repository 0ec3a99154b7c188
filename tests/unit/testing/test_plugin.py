"""The plugin where no cluster is needed: its options, its marker, and that it stays out of the way."""

import subprocess
import sys

import pytest

from rumpf.testing.namespaces import name_for

pytest_plugins = ["pytester"]


def _run(pytester: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test)
    return pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", *options, timeout=60)


def test_a_test_that_needs_other_nodes_is_skipped_with_the_reason_and_without_a_cluster(
    pytester: pytest.Pytester,
) -> None:
    result = _run(
        pytester,
        """
        import pytest

        @pytest.mark.nodes("real")
        def test_real(cluster): raise RuntimeError

        @pytest.mark.nodes("real", "fake")
        def test_both(): pass
        """,
        "--nodes=fake",
        "-rs",
        "--strict-markers",
    )
    result.assert_outcomes(skipped=1, passed=1)
    result.stdout.fnmatch_lines(["*needs real nodes; there are fake ones: --nodes fake"])


def test_options_that_contradict_each_other_are_refused_at_once(pytester: pytest.Pytester) -> None:
    result = _run(pytester, "def test_it(cluster): pass", "--cluster=kind", "--nodes=fake")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --nodes fake: a cluster that is kind has the nodes that it has*"])
    result = _run(pytester, "def test_it(cluster): pass", "--cluster-context=mine")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --cluster-context mine: only --cluster existing has*"])


def test_where_the_cluster_cannot_be_had_each_test_that_needs_it_says_why_in_two_lines(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIND_EXPERIMENTAL_PROVIDER", "podman")
    monkeypatch.setenv("PATH", "/nowhere")
    result = _run(
        pytester,
        """
        def test_it(cluster): pass
        def test_other(): pass
        """,
        "--cluster=kind",
    )
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at setup of test_it*",
            "--cluster kind: kind runs its nodes in podman, and there is no*",
            "  -> *",
        ],
        consecutive=True,
    )
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="as installed"),
        pytest.param(("-p", "no:pytest-kind"), id="without pytest-kind"),
        pytest.param(("-p", "no:rumpf"), id="without rumpf"),
    ],
)
def test_it_gets_on_with_pytest_kind_which_has_an_option_of_the_same_name(
    pytester: pytest.Pytester, options: tuple[str, ...]
) -> None:
    result = _run(pytester, "def test_it(): pass", "--keep-cluster", *options)
    result.assert_outcomes(passed=1)


def test_all_of_it_is_in_the_help(pytester: pytest.Pytester) -> None:
    result = _run(pytester, "", "--help")
    result.stdout.fnmatch_lines_random(
        ["*--cluster=*", "*--nodes=*", "*--cluster-context=NAME*", "*--keep-cluster*"]
    )
    fixtures = _run(pytester, "", "--fixtures")
    fixtures.stdout.fnmatch_lines_random(
        [
            f"{name}*plugin.py*"
            for name in ("cluster ", "namespace", "kubectl", "faults", "rumpf_logs", "busybox ")
        ]
    )


def test_it_costs_a_project_that_does_not_use_it_next_to_nothing() -> None:
    heavy = ("rumpf.cluster", "rumpf.image", "rumpf.testing.proxy", "cryptography", "yaml", "httptools")
    program = f"""
import sys, rumpf.testing.plugin
print([name for name in {heavy!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("test", "name"),
    [
        ("tests/test_a.py::test_it_works", "it-works-12ab"),
        ("tests/test_a.py::TestA::test_it[Some Words!]", "it-some-words-12ab"),
        ("tests/test_a.py::test_" + "long_" * 30, "long-" * 10 + "12ab"),
        ("tests/test_a.py::test_[]", "test-12ab"),
    ],
)
def test_a_namespace_is_named_for_its_test(test: str, name: str) -> None:
    assert name_for(test, "12ab") == name
    assert len(name) <= 63
