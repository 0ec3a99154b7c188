"""Binaries on PATH and in RUMPF_BIN: which are taken, and why others are not."""

import sys
from pathlib import Path

import pytest

from rumpf.cluster.assets import CNI_PLUGINS
from rumpf.cluster.assets.elf import is_static
from rumpf.errors import UsageError
from tests.unit.assets.scene import Scene, script

CNI_SAYS = "CNI {} plugin v1.9.1\nCNI protocol versions supported: 0.1.0, 1.1.0"


def test_a_binary_on_path_that_fits_is_taken(scene: Scene) -> None:
    there = scene.program("kube-apiserver", "Kubernetes v1.36.1")

    (row,) = scene.assets().rows(["kube-apiserver"])

    assert (row.source, row.path, row.version) == ("path", there, "1.36.1")
    assert scene.assets().ensure(["kube-apiserver"]) == {"kube-apiserver": there}


@pytest.mark.parametrize("version", ["v1.35.9", "v1.37.0", "v2.36.0"])
def test_another_minor_version_is_passed_over_and_the_row_says_why(scene: Scene, version: str) -> None:
    there = scene.program("kubelet", f"Kubernetes {version}")

    (row,) = scene.assets().rows(["kubelet"])

    assert row.source == "missing"
    assert f"passed over {there}: it is {version[1:]}, wanted is 1.36" in row.note


@pytest.mark.parametrize(
    ("version", "source"), [("1.34.1", "missing"), ("1.35.0", "path"), ("1.37.2", "path")]
)
def test_kubectl_may_be_one_minor_version_away(scene: Scene, version: str, source: str) -> None:
    scene.program("kubectl", f"Client Version: v{version}\nKustomize Version: v5.5.0")

    (row,) = scene.assets().rows(["kubectl"])

    assert row.source == source


def test_the_kubernetes_asked_for_decides_what_fits(scene: Scene) -> None:
    scene.program("kube-scheduler", "Kubernetes v1.35.2")

    sources = {minor: scene.assets(minor).rows(["kube-scheduler"])[0].source for minor in ("1.35", "1.36")}

    assert sources == {"1.35": "path", "1.36": "missing"}


def test_an_etcd_that_is_too_old_is_passed_over(scene: Scene) -> None:
    scene.program("etcd", "etcd Version: 3.5.9\nGit SHA: bdbbde998\nGo Version: go1.19.9")

    (row,) = scene.assets().rows(["etcd"])

    assert row.source == "missing"
    assert "it is 3.5.9, wanted is 3.6 or newer" in row.note


def test_a_newer_etcd_than_the_pinned_one_is_taken(scene: Scene) -> None:
    scene.program("etcd", "etcd Version: 3.10.0")

    assert scene.assets().rows(["etcd"])[0].source == "path"


def test_a_runc_without_seccomp_is_passed_over(scene: Scene) -> None:
    scene.program("runc", "runc version 1.4.3\nspec: 1.3.0\ngo: go1.26.8")

    assert "it was built without libseccomp" in scene.assets().rows(["runc"])[0].note


def test_a_program_that_does_not_tell_its_version_is_passed_over(scene: Scene) -> None:
    script(scene.path, "coredns", "exit 3")

    assert "it does not tell its version" in scene.assets().rows(["coredns"])[0].note


def test_a_program_that_cannot_be_run_is_passed_over(scene: Scene) -> None:
    (scene.path / "kwok").write_bytes(b"\x7fELF of another machine")
    (scene.path / "kwok").chmod(0o755)

    assert scene.assets().rows(["kwok"])[0].source == "missing"


def test_the_first_one_that_fits_is_taken_past_one_that_does_not(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = scene.program("kwok", "kwok version v0.5.0 go1.20 (linux/amd64)")
    new = scene.program("kwok", "kwok version v0.8.1 go1.26 (linux/amd64)", tmp_path / "later")
    monkeypatch.setenv("PATH", f"{old.parent}:{new.parent}")

    (row,) = scene.assets().rows(["kwok"])

    assert row.path == new
    assert f"passed over {old}" in row.note


def test_rumpf_bin_comes_before_path(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.program("etcd", "etcd Version: 3.6.1")
    own = scene.program("etcd", "etcd Version: 3.6.2", tmp_path / "own")
    monkeypatch.setenv("RUMPF_BIN", f"{tmp_path}:{own.parent}")

    assert scene.assets().rows(["etcd"])[0].path == own


def test_a_folder_in_rumpf_bin_that_does_not_exist_is_refused(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUMPF_BIN", str(tmp_path / "typo"))

    with pytest.raises(UsageError, match=r"RUMPF_BIN=.*typo: there is no such folder\n  -> name folders"):
        scene.assets().rows(["etcd"])


def test_network_plugins_are_taken_when_one_folder_has_them_all(scene: Scene) -> None:
    for name in CNI_PLUGINS:
        scene.program(name, CNI_SAYS.format(name))

    rows = scene.assets().rows(CNI_PLUGINS)

    assert {(row.source, row.version) for row in rows} == {("path", "1.9.1")}


def test_a_program_of_the_same_name_without_the_others_is_not_even_run(scene: Scene, tmp_path: Path) -> None:
    script(scene.path, "portmap", f": >{tmp_path}/was-run")

    (row,) = scene.assets().rows(["portmap"])

    assert row.source == "missing"
    assert "passed over" not in row.note
    assert not (tmp_path / "was-run").exists()


def test_one_plugin_that_does_not_fit_takes_the_others_with_it(scene: Scene) -> None:
    for name in CNI_PLUGINS - {"portmap"}:
        scene.program(name, CNI_SAYS.format(name))
    scene.program("portmap", "CNI portmap plugin v1.1.1")

    assert {row.source for row in scene.assets().rows(CNI_PLUGINS)} == {"missing"}


def test_a_program_is_asked_for_its_version_once_and_again_when_it_changes(
    scene: Scene, tmp_path: Path
) -> None:
    script(scene.path, "kwok", f"echo asked >>{tmp_path}/asked\necho kwok version v0.8.0")
    for _ in range(3):
        scene.assets().rows(["kwok"])
    assert (tmp_path / "asked").read_text() == "asked\n"

    script(scene.path, "kwok", f"echo again >>{tmp_path}/asked\necho kwok version v0.8.22")

    assert scene.assets().rows(["kwok"])[0].version == "0.8.22"
    assert (tmp_path / "asked").read_text() == "asked\nagain\n"


def test_a_damaged_memory_of_versions_is_made_anew(scene: Scene) -> None:
    scene.program("kwok", "kwok version v0.8.0")
    scene.cache.mkdir()
    (scene.cache / "versions.json").write_text('{"/half": [1,')

    assert scene.assets().rows(["kwok"])[0].version == "0.8.0"


def test_a_busybox_that_would_not_run_in_an_empty_image_is_passed_over(scene: Scene) -> None:
    scene.program("busybox", "BusyBox v1.35.0 (Debian 1:1.35.0-4) multi-call binary.")

    (row,) = scene.assets().rows(["busybox"])

    assert row.source == "missing"
    assert "it is linked dynamically and would not run in an empty image" in row.note


def test_a_program_is_static_when_it_names_no_loader(tmp_path: Path) -> None:
    dynamic = Path(sys.executable).read_bytes()
    (tmp_path / "dynamic").write_bytes(dynamic)
    start, size, count = (
        int.from_bytes(dynamic[at : at + n], "little") for at, n in ((32, 8), (54, 2), (56, 2))
    )
    static = bytearray(dynamic)
    for at in range(start, start + size * count, size):
        if static[at] == 3:
            static[at] = 0  # the entry that names the loader, made void
    (tmp_path / "static").write_bytes(static)
    (tmp_path / "script").write_text("#!/bin/sh\n")

    assert [is_static(tmp_path / name) for name in ("dynamic", "static", "script", "absent")] == [
        False,
        True,
        False,
        False,
    ]


def test_a_binary_nobody_has_heard_of_is_refused(scene: Scene) -> None:
    with pytest.raises(
        UsageError, match=r"no such binary: kube-apiserverr\n  -> choose from .*kube-apiserver"
    ):
        scene.assets().rows(["kube-apiserverr"])


def test_a_kubernetes_that_cannot_be_had_is_refused_with_what_there_is(scene: Scene) -> None:
    with pytest.raises(
        UsageError, match=r"no Kubernetes '1.20' to be had\n  -> choose one of 1.36 \(1.36.3\), 1.35"
    ):
        scene.assets("1.20")


@pytest.mark.parametrize("written", ["1.36", "v1.36", "1.36.3", "v1.36.3"])
def test_a_kubernetes_can_be_written_in_several_ways(scene: Scene, written: str) -> None:
    assert scene.assets(written).kubernetes_version == "1.36.3"
