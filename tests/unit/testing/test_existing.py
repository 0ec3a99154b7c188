"""Clusters that are there already: which ones tests may touch, and how it is made sure."""

import json
import stat
from pathlib import Path

import pytest

from rumpf.console import Silent
from rumpf.errors import ImageError, UsageError
from rumpf.testing.existing import existing, why_no_test_cluster
from tests.unit.testing.programs import Programs


@pytest.mark.parametrize(
    ("context", "server"),
    [
        ("kind-kind", "https://127.0.0.1:34567"),
        ("k3d-dev", "https://0.0.0.0:6443"),
        ("minikube", "https://192.168.49.2:8443"),
        ("rumpf-rumpf", "https://198.19.3.18:6443"),
        ("docker-desktop", "https://kubernetes.docker.internal:6443"),
        ("colima-arm", "https://localhost:6443"),
        ("orbstack", "https://[::1]:26443"),
    ],
)
def test_what_local_tools_make_looks_like_a_test_cluster(context: str, server: str) -> None:
    assert why_no_test_cluster(context, server) is None


@pytest.mark.parametrize(
    ("context", "server", "reason"),
    [
        ("production", "https://127.0.0.1:6443", "its name is none of"),
        ("gke_acme_europe-west1_main", "https://34.90.1.2", "its name is none of"),
        ("my-kind-cluster", "https://127.0.0.1:6443", "its name is none of"),
        ("minikube-prod", "https://127.0.0.1:6443", "its name is none of"),
        ("kind-of-important", "https://34.90.1.2:6443", "not on this machine or in a private network"),
        ("kind-prod", "https://api.acme.com:6443", "not on this machine or in a private network"),
    ],
)
def test_what_may_matter_to_somebody_does_not(context: str, server: str, reason: str) -> None:
    assert reason in (why_no_test_cluster(context, server) or "")


def _kubectl(programs: Programs, current: str, server: str) -> None:
    config = {"clusters": [{"cluster": {"server": server}}], "current-context": current}
    (programs.folder / "config").write_text(json.dumps(config))
    programs.add(
        "kubectl",
        f'case "$*" in *current-context) echo {current};; *view*) cat "$here/config";; *) exit 9;; esac',
    )


def test_a_context_that_does_not_look_like_one_is_refused_before_anything_is_touched(
    programs: Programs,
) -> None:
    _kubectl(programs, "production", "https://34.90.1.2")
    with pytest.raises(UsageError) as refused, existing(None, Silent()):
        pytest.fail("it was used")
    assert "production at https://34.90.1.2, does not look like a test cluster" in refused.value.what
    assert "--cluster-context production" in refused.value.remedy
    assert "export KUBECONFIG=$(rumpf cluster kubeconfig --path)" in refused.value.remedy
    assert all(call.startswith("kubectl config ") for call in programs.calls)


def test_naming_it_is_consent(programs: Programs) -> None:
    _kubectl(programs, "something-else", "https://34.90.1.2")
    with existing("production", Silent()) as cluster:
        assert cluster.name == "production"
    assert "--context=production" in programs.calls[-1]


def test_a_private_copy_of_that_context_is_used_and_deleted(programs: Programs) -> None:
    _kubectl(programs, "kind-dev", "https://127.0.0.1:34567")
    with existing(None, Silent()) as cluster:
        copy = cluster.kubeconfig
        assert json.loads(copy.read_text())["current-context"] == "kind-dev"
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert (cluster.backend, cluster.nodes, cluster.ended_by) == ("existing", "real", "")
    assert not copy.parent.exists()


def test_where_there_is_no_context_kubectls_own_words_are_told(programs: Programs) -> None:
    programs.add("kubectl", "echo error: current-context is not set >&2; exit 1")
    with pytest.raises(UsageError, match="current-context is not set") as refused, existing(None, Silent()):
        pytest.fail("there is none")
    assert "export KUBECONFIG=$(rumpf cluster kubeconfig --path)" in refused.value.remedy


@pytest.mark.parametrize(
    ("context", "tool", "call"),
    [
        ("kind-dev", "kind", "kind load image-archive {archive} --name=dev"),
        ("k3d-dev", "k3d", "k3d image import {archive} --cluster=dev"),
        ("minikube", "minikube", "minikube image load {archive}"),
    ],
)
def test_an_image_goes_in_by_the_tool_that_made_the_cluster(
    programs: Programs, tmp_path: Path, context: str, tool: str, call: str
) -> None:
    _kubectl(programs, context, "https://127.0.0.1:6443")
    programs.add(tool, "")
    archive = tmp_path / "image.tar"
    with existing(None, Silent()) as cluster:
        cluster.load(archive)
    assert programs.calls[-1] == call.format(archive=archive)


def test_where_no_way_is_known_to_put_an_image_in_that_is_said(programs: Programs, tmp_path: Path) -> None:
    _kubectl(programs, "orbstack", "https://127.0.0.1:6443")
    with existing(None, Silent()) as cluster, pytest.raises(ImageError, match="no way is known"):
        cluster.load(tmp_path / "image.tar")
