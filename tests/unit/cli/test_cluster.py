"""What `rumpf cluster` prints, and which exit codes it has."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rumpf import cli
from rumpf.cli import cluster as commands
from rumpf.cluster import Cluster, ClusterSpec, ComponentStatus
from rumpf.cluster.handle import from_record
from rumpf.errors import ClusterError, NoSuchCluster, RumpfError, UsageError

MEBIBYTE = 2**20
PARTS = (
    ComponentStatus("etcd", "running", 4711, 0, 61.2, 40 * MEBIBYTE),
    ComponentStatus("kube-apiserver", "waiting", None, 12, 0.0, 0),
)


@dataclass(frozen=True)
class Played(Cluster):
    """A cluster that says what it is told to say."""

    calls: list[str] = field(default_factory=list)
    gone: bool = False
    hangs: bool = False

    def status(self) -> tuple[ComponentStatus, ...]:
        """Say the same each time."""
        if self.hangs:
            raise ClusterError("the cluster does not answer", remedy="end it", where=self.name)
        if self.gone:
            raise NoSuchCluster("no such cluster is up", remedy="start one", where=self.name)
        return PARTS

    def down(self) -> None:
        """Take note."""
        self.status()
        self.calls.append("down")

    def load(self, archive: Path) -> None:
        """Take note."""
        self.calls.append(f"load {archive}")

    def pull(self, reference: str) -> None:
        """Take note."""
        self.calls.append(f"pull {reference}")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Played:
    """The one cluster that is up."""
    monkeypatch.setenv("RUMPF_CACHE", "/cache")
    record = {
        "name": "one",
        "nodes": "real",
        "kubernetes": "1.36",
        "url": "https://198.18.0.2:6443",
        "supervisor": 1,
        "binaries": {},
        "created": 1e12,
        "link": 0,
    }
    played = Played(**vars(from_record(record)))
    monkeypatch.setattr(commands, "clusters", lambda: (played,))
    monkeypatch.setattr(commands, "attach", lambda _: played)
    return played


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.cli, ["cluster", *arguments], catch_exceptions=False)


@pytest.mark.usefixtures("cluster")
def test_status_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1e12 + 3600)
    assert run("status").output == (
        "one: Kubernetes 1.36, real nodes, up 60m, 40.0 MiB\n"
        "  https://198.18.0.2:6443   KUBECONFIG=/cache/clusters/one/kubeconfig\n"
        "  COMPONENT       STATE    PID   AGE  MEMORY    RESTARTS\n"
        "  etcd            running  4711  61s  40.0 MiB  0\n"
        "  kube-apiserver  waiting  -     0s   0.0 MiB   12\n"
    )


@pytest.mark.usefixtures("cluster")
def test_status_for_programs_is_json() -> None:
    (described,) = json.loads(run("status", "--output", "json").output)
    assert described["name"] == "one"
    assert described["kubeconfig"] == "/cache/clusters/one/kubeconfig"
    assert described["components"][0] == {
        "name": "etcd",
        "state": "running",
        "pid": 4711,
        "restarts": 0,
        "age": 61.2,
        "memory": 40 * MEBIBYTE,
    }


def test_a_cluster_that_ends_while_it_is_looked_at_is_not_shown(
    cluster: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "clusters", lambda: (replace(cluster, gone=True),))
    assert run("status", "--output", "json").output == "[]\n"
    done = run("down", "--all")
    assert done.exit_code == 0


def test_status_goes_on_past_a_cluster_that_does_not_answer(
    cluster: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = tuple(replace(cluster, name=name, hangs=True) for name in ("frozen", "stuck"))
    monkeypatch.setattr(commands, "clusters", lambda: (*others, cluster))
    done = CliRunner().invoke(cli.cli, ["cluster", "status"])
    assert "one: Kubernetes 1.36" in done.stdout
    assert "error: frozen: the cluster does not answer\n  -> end it" in done.stderr
    assert str(done.exception) == "stuck: the cluster does not answer\n  -> end it"
    told = CliRunner().invoke(cli.cli, ["cluster", "status", "--output", "json"])
    assert [each["name"] for each in json.loads(told.stdout)] == ["one"]
    assert isinstance(told.exception, ClusterError)


def test_down_of_all_goes_on_past_a_cluster_that_does_not_end(
    cluster: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "clusters", lambda: (replace(cluster, name="stuck", hangs=True), cluster))
    done = CliRunner().invoke(cli.cli, ["cluster", "down", "--all"])
    assert cluster.calls == ["down"]
    assert "one is down after" in done.stderr
    assert "stuck is down" not in done.stderr
    assert str(done.exception) == "stuck: the cluster does not answer\n  -> end it"


def test_status_of_one_cluster_is_of_that_alone(cluster: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "attach", lambda name: replace(cluster, name=name))
    assert run("status", "--name", "two").output.startswith("two: Kubernetes 1.36")
    (described,) = json.loads(run("status", "--name", "two", "--output", "json").output)
    assert described["name"] == "two"


@pytest.mark.parametrize("tail", ["-3", "x"])
@pytest.mark.usefixtures("cluster")
def test_a_number_of_lines_that_cannot_be_is_refused_in_words(tail: str) -> None:
    done = run("logs", "etcd", "--tail", tail)
    assert done.exit_code == 2
    assert "Invalid value for '--tail'" in done.stderr


def test_an_image_of_ours_that_was_not_built_is_not_looked_for_in_a_registry(
    cluster: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="web:dev: it has not been built here") as refusal:
        run("load", "rumpf.local/web:dev")
    assert "rumpf image build web" in refusal.value.remedy
    assert cluster.calls == []


def test_where_nothing_is_up_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "clusters", lambda: ())
    for arguments in (["status"], ["down", "--all"]):
        done = run(*arguments)
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "no cluster is up\n")
    assert run("status", "--output", "json").stdout == "[]\n"


def test_down_takes_it_down(cluster: Played) -> None:
    done = run("down", "--name", "one")
    assert cluster.calls == ["down"]
    assert done.stderr.startswith("one is down after 0.")


def test_the_kubeconfig_is_a_path_or_a_text(cluster: Played, tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text("apiVersion: v1")
    object.__setattr__(cluster, "folder", tmp_path)
    assert run("kubeconfig", "--path").output == f"{tmp_path}/kubeconfig\n"
    assert run("kubeconfig").output == "apiVersion: v1\n"


@pytest.mark.parametrize(
    ("image", "call"),
    [
        ("some.tar", "load some.tar"),
        ("built", "load dist/images/built.tar"),
        ("rumpf.local/built", "load dist/images/built.tar"),
        ("rumpf.local/built:dev", "load dist/images/built.tar"),
        ("docker.io/library/nginx:1", "pull docker.io/library/nginx:1"),
    ],
)
def test_an_image_comes_from_a_file_or_the_last_build_or_a_registry(
    cluster: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str, call: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dist" / "images").mkdir(parents=True)
    for file in ("some.tar", "dist/images/built.tar"):
        (tmp_path / file).touch()
    assert run("load", image).exit_code == 0
    assert cluster.calls == [call]


@pytest.mark.parametrize("image", ["missing.tar", "a/missing.tar", "unbuilt"])
def test_an_image_that_is_nowhere_is_refused(
    cluster: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="there is no such archive"):
        run("load", image)
    assert cluster.calls == []


@pytest.fixture
def brought_up(cluster: Played, monkeypatch: pytest.MonkeyPatch) -> list[ClusterSpec]:
    """What was asked of `up`."""
    asked: list[ClusterSpec] = []

    def bring_up(spec: ClusterSpec, **options: object) -> Played:
        assert options["stay"]
        asked.append(spec)
        return replace(cluster, nodes=spec.nodes)

    monkeypatch.setattr(commands, "bring_up", bring_up)
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    return asked


def test_up_says_how_to_use_it_and_how_to_end_it(brought_up: list[ClusterSpec]) -> None:
    done = run("up", "--name", "one", "--nodes", "none", "--kubernetes", "1.35", "--audit")
    assert brought_up == [ClusterSpec(name="one", nodes="none", kubernetes="1.35", audit=True)]
    assert (done.stdout, done.stderr) == (
        "",
        (
            "use it:   export KUBECONFIG=/cache/clusters/one/kubeconfig\n"
            "end it:   rumpf cluster down --name one\n"
        ),
    )


@pytest.mark.usefixtures("brought_up")
def test_up_says_what_to_spare_from_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    monkeypatch.setenv("NO_PROXY", "localhost")
    said = "use it:   export KUBECONFIG=/cache/clusters/one/kubeconfig NO_PROXY=localhost,198.18.0.0/15\n"
    assert said in run("up", "--nodes", "real").stderr
    assert "NO_PROXY" not in run("up", "--nodes", "fake").stderr


def test_up_takes_the_nodes_that_the_machine_allows_and_says_why(
    brought_up: list[ClusterSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "best_nodes", lambda: ("fake", "this is a toaster"))
    assert run("up").stderr.startswith("fake nodes (Pods are only simulated): this is a toaster\n")
    assert brought_up[-1].nodes == "fake"


def test_many_nodes_are_fake_ones(brought_up: list[ClusterSpec]) -> None:
    run("up", "--count", "100")
    assert (brought_up[-1].nodes, brought_up[-1].count) == ("fake", 100)


@pytest.mark.usefixtures("brought_up")
def test_up_for_programs_is_json() -> None:
    described = json.loads(run("up", "--nodes", "fake", "--output", "json").stdout)
    assert described["url"] == "https://198.18.0.2:6443"
    assert described["seconds"] < 5


Ended = Callable[..., int]


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Ended:
    """Run `rumpf` as the shell does; its exit code."""

    def run_main(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["rumpf", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert isinstance(end.value.code, int)
        return end.value.code

    return run_main


@pytest.fixture
def ended_by(
    ended: Ended, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[BaseException], tuple[int, str]]:
    """Let a command fail; its exit code, and what it prints."""

    def run_main(error: BaseException) -> tuple[int, str]:
        def fail() -> None:
            raise error

        monkeypatch.setattr(commands, "clusters", fail)
        return ended("cluster", "status"), capfd.readouterr().err

    return run_main


@pytest.mark.parametrize(
    "arguments",
    [
        ["up", "--name", "No"],
        ["up", "--name", ""],
        ["up", "--count", "0"],
        ["up", "--nodes", "real", "--count", "2"],
        ["up", "--nodes", "virtual"],
        ["up", "--nodes", "none", "--kubernetes", "1.1"],
        ["dance"],
        ["logs"],
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_ends_with_2(
    ended: Ended, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert ended("cluster", *arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (RumpfError("it broke", remedy="mend it", where="here"), 1, "error: here: it broke\n  -> mend it"),
        (NoSuchCluster("none is up", remedy="start one"), 4, "error: none is up\n  -> start one"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (PermissionError(13, "Permission denied", "/x"), 1, "error: /x: Permission denied\n"),
        (PermissionError(1, "Operation not permitted"), 1, "error: Operation not permitted\n"),
        (BrokenPipeError(), 1, ""),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_an_error_is_a_message_and_an_exit_code(
    ended_by: Callable[[BaseException], tuple[int, str]], error: BaseException, code: int, said: str
) -> None:
    ended_with, printed = ended_by(error)
    assert (ended_with, printed.strip().startswith(said)) == (code, True), printed
