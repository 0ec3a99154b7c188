"""What dead clusters left is found, and removed."""

import json
from pathlib import Path

import pytest

from rumpf.cluster import attach, cgroups, clusters, ownership
from rumpf.cluster.handle import sweep
from rumpf.cluster.remains import leave_nothing
from rumpf.errors import NoSuchCluster

TASKS = "containerd/io.containerd.runtime.v2.task/k8s.io"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cluster that nobody watches any more."""
    monkeypatch.setenv("RUMPF_CACHE", str(tmp_path))
    folder = tmp_path / "clusters" / "one"
    (folder / "logs").mkdir(parents=True)
    (folder / "logs" / "etcd.log").touch()
    ownership.lock_path(folder).touch()
    return folder


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two hierarchies of control groups, with those of containers in them."""
    groups = tmp_path / "cgroup"
    for hierarchy in ("memory", "pids"):
        for container in ("mine", "mine/inner", "other"):
            (groups / hierarchy / "k8s.io" / container).mkdir(parents=True)
    monkeypatch.setattr(cgroups, "_ROOT", groups)
    return groups


def test_a_cluster_that_nobody_watches_is_gone_once_somebody_looks(folder: Path) -> None:
    with pytest.raises(NoSuchCluster, match=r"no such cluster is up \(remains of a dead one were removed\)"):
        attach("one")
    assert list(folder.parent.iterdir()) == []
    with pytest.raises(NoSuchCluster, match="no such cluster is up\n"):
        attach("one")


def test_a_lock_without_a_cluster_is_removed_too(folder: Path) -> None:
    leave_nothing(folder)
    assert ownership.lock_path(folder).exists()
    assert clusters() == ()
    assert list(folder.parent.iterdir()) == []


def test_a_cluster_that_is_watched_is_not_touched(folder: Path) -> None:
    with ownership.taken(folder):
        assert not sweep(folder)
        assert (folder / "logs" / "etcd.log").exists()


@pytest.mark.parametrize("record", [None, "", "{", json.dumps({"name": "one"})])
def test_a_cluster_that_is_only_just_coming_up_is_none_yet(folder: Path, record: str | None) -> None:
    if record is not None:
        (folder / "cluster.json").write_text(record)
    with ownership.taken(folder):
        with pytest.raises(NoSuchCluster, match="only just coming up"):
            attach("one")
        assert clusters() == ()


def test_the_groups_of_its_containers_are_removed_and_nobody_elses(folder: Path, groups: Path) -> None:
    (folder / TASKS / "mine").mkdir(parents=True)
    leave_nothing(folder)
    assert not folder.exists()
    assert sorted(str(path.relative_to(groups)) for path in groups.glob("*/*/*")) == [
        "memory/k8s.io/other",
        "pids/k8s.io/other",
    ]


def test_the_group_that_all_share_goes_with_the_last(folder: Path, groups: Path) -> None:
    for container in ("mine", "other"):
        (folder / TASKS / container).mkdir(parents=True)
    leave_nothing(folder)
    assert [path for path in groups.rglob("*") if path.name == "k8s.io"] == []
    assert (groups / "memory").is_dir()


def test_a_group_in_which_something_still_runs_is_waited_for_and_then_left(groups: Path) -> None:
    busy = groups / "memory" / "k8s.io" / "mine" / "cgroup.procs"
    busy.touch()  # in a folder of files, as a stand-in for one of processes: it cannot be removed
    cgroups.remove(["mine"], patience=0.05)
    assert busy.exists()
    assert not (groups / "pids" / "k8s.io" / "mine").exists()
