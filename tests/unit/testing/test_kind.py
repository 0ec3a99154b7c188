"""Clusters of kind: what must be there, and what pytest-kind does (with programs that only write it down)."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from rumpf.errors import ClusterError, ImageError, ToolMissing
from rumpf.testing.kind import KindOptions, kind
from tests.unit.testing.programs import Programs

_KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: kind, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: kind, user: {token: secret}}]
contexts: [{name: kind, context: {cluster: kind, user: kind}}]
current-context: kind
"""
_KIND = """
case "$1 $2" in
"get clusters") cat "$here/clusters" 2>/dev/null || true;;
"create cluster")
    for word in "$@"; do
        case "$word" in --kubeconfig=*) cat "$here/given" > "${word#--kubeconfig=}";; esac
    done;;
esac
"""


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest-kind keeps its files in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KIND_EXPERIMENTAL_PROVIDER", raising=False)


@pytest.fixture
def ready(programs: Programs) -> Iterator[Programs]:
    """An engine that runs, and a kind that makes clusters."""
    programs.add("docker", "")
    programs.add("kubectl", "")
    programs.add("kind", _KIND)
    (programs.folder / "given").write_text(_KUBECONFIG)
    with warnings.catch_warnings():
        # pytest-kind's own, when it is imported late.
        warnings.simplefilter("ignore", DeprecationWarning)
        yield programs


def test_without_an_engine_it_says_what_is_missing(programs: Programs) -> None:
    with pytest.raises(ToolMissing) as missing, kind(KindOptions("t"), keep=False):
        pytest.fail("there is none")
    assert "there is no docker on PATH" in missing.value.what
    assert "--cluster embedded" in missing.value.remedy
    assert programs.calls == []


def test_an_engine_that_does_not_run_is_told_in_its_own_words(programs: Programs) -> None:
    programs.add("docker", "echo some context; echo Cannot connect to the daemon >&2; exit 1")
    with pytest.raises(ToolMissing, match="Cannot connect to the daemon"), kind(KindOptions("t"), keep=False):
        pytest.fail("it does not run")


def test_another_engine_is_asked_where_kind_is_told_to_use_that(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIND_EXPERIMENTAL_PROVIDER", "podman")
    with pytest.raises(ToolMissing, match="there is no podman on PATH"), kind(KindOptions("t"), keep=False):
        pytest.fail("there is none")
    assert programs.calls == []


def test_a_cluster_is_made_awaited_loaded_and_deleted(ready: Programs, tmp_path: Path) -> None:
    with kind(KindOptions("mine", image="kindest/node:v1"), keep=False) as cluster:
        assert (cluster.backend, cluster.name, cluster.nodes) == ("kind", "mine", "real")
        assert cluster.kubeconfig.is_absolute()
        assert cluster.kubeconfig.read_text() == _KUBECONFIG
        assert cluster.kubectl == ready.folder / "kubectl"
        cluster.load(tmp_path / "image.tar")
    kubeconfig = Path(".pytest-kind/mine/kubeconfig")
    assert ready.calls == [
        "docker info",
        "kind get clusters",
        f"kind create cluster --name=mine --kubeconfig={kubeconfig} --image=kindest/node:v1",
        f"kubectl --kubeconfig={kubeconfig.absolute()} wait --for=condition=Ready nodes --all --timeout=120s",
        f"kind load image-archive {tmp_path}/image.tar --name=mine",
        f"kind delete cluster --name=mine --kubeconfig={kubeconfig}",
    ]


def test_a_kept_one_is_left_and_the_next_run_takes_it(ready: Programs) -> None:
    with kind(KindOptions("mine"), keep=True) as cluster:
        assert cluster.ended_by == "kind delete cluster --name mine"
    assert not any("delete" in call for call in ready.calls)
    (ready.folder / "clusters").write_text("other\nmine\n")
    made = len(ready.calls)
    with kind(KindOptions("mine"), keep=True):
        pass
    assert not any("create" in call for call in ready.calls[made:])


def test_it_is_deleted_also_when_its_nodes_do_not_become_ready(ready: Programs) -> None:
    ready.add("kubectl", "echo timed out >&2; exit 1")
    with pytest.raises(ClusterError, match="timed out"), kind(KindOptions("mine"), keep=False):
        pytest.fail("it is not ready")
    assert "kind delete cluster" in ready.calls[-1]


def test_where_kind_fails_the_way_to_try_it_by_hand_is_told(ready: Programs) -> None:
    ready.add("kind", "exit 1")
    with pytest.raises(ClusterError) as failed, kind(KindOptions("mine"), keep=False):
        pytest.fail("there is none")
    assert "kind create cluster --name mine" in failed.value.remedy


def test_an_image_that_is_not_taken_is_told_in_kinds_own_words(ready: Programs, tmp_path: Path) -> None:
    with kind(KindOptions("mine"), keep=False) as cluster:
        ready.add("kind", "echo no such file >&2; exit 1")
        with pytest.raises(ImageError, match="no such file"):
            cluster.load(tmp_path / "image.tar")
        ready.add("kind", "")
