"""Which images an embedded cluster is given, and which it is not."""

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from rumpf.api import Connection
from rumpf.cluster import Cluster, Nodes
from rumpf.cluster.busybox import IMAGE
from rumpf.console import Lines, Silent
from rumpf.errors import InstallError
from rumpf.install.local_images import Image, image_for, local_samples, local_settings, settings_for
from rumpf.install.target import Target
from rumpf.operator import Operator, Setting
from tests.unit.install.operators import made


def operator(*settings: Setting) -> Operator:
    return made(settings=settings, image="registry.test/operators:1")


def embedded(nodes: Nodes = "real") -> Target:
    cluster = Cluster(
        name="x",
        nodes=nodes,
        kubernetes="1.36",
        url="https://198.18.0.2:6443",
        supervisor=0,
        binaries={},
        created=0.0,
        link=None,
        folder=Path("/nonexistent"),
    )
    return Target(Connection("https://198.18.0.2:6443", None), cluster)


ELSEWHERE = Target(Connection("https://cluster.test", None))


def archive(root: Path, name: str = "rumpf.local/operators:dev") -> Path:
    target = root / "dist/images/operators.tar"
    target.parent.mkdir(parents=True)
    files = {
        "index.json": {"manifests": [{"digest": "sha256:abc"}]},
        "manifest.json": [{"RepoTags": [name]}],
    }
    with tarfile.open(target, "w") as tar:
        for file, content in files.items():
            data = json.dumps(content).encode()
            info = tarfile.TarInfo(file)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return target


def test_on_any_other_cluster_the_image_is_the_operators_own_or_the_chosen_one(tmp_path: Path) -> None:
    archive(tmp_path)
    assert image_for(ELSEWHERE, operator(), None, tmp_path, Silent()) == Image(None)
    assert image_for(ELSEWHERE, operator(), "other:1", tmp_path, Silent()) == Image("other:1")


def test_an_image_built_here_stands_in_for_the_operators_own_and_that_is_said(tmp_path: Path) -> None:
    built = archive(tmp_path)
    said = io.StringIO()
    found = image_for(embedded(), operator(), None, tmp_path, Lines(said))
    assert found == Image("rumpf.local/operators:dev", "sha256:abc", built)
    assert "rumpf.local/operators:dev, built here, instead of registry.test/operators:1" in said.getvalue()


def test_an_image_that_is_older_than_the_source_is_used_and_that_is_said(tmp_path: Path) -> None:
    built = archive(tmp_path)
    source = tmp_path / "operators/thing/operator.py"
    source.parent.mkdir(parents=True)
    source.touch()
    said = io.StringIO()
    later = source.stat().st_mtime + 1
    os.utime(built, (later, later))
    image_for(embedded(), operator(), None, tmp_path, Lines(said))
    assert "older" not in said.getvalue()
    os.utime(built, (0, 0))
    assert image_for(embedded(), operator(), None, tmp_path, Lines(said)).archive == built
    assert "older than its source; rumpf image build operators" in said.getvalue()


def test_what_was_chosen_is_taken(tmp_path: Path) -> None:
    built = archive(tmp_path)
    assert image_for(embedded(), operator(), "other:1", tmp_path, Silent()) == Image("other:1")
    chosen = image_for(embedded(), operator(), "rumpf.local/operators:dev", tmp_path, Silent())
    assert chosen == Image("rumpf.local/operators:dev", "sha256:abc", built)


def test_a_chosen_local_image_that_was_not_built_says_how(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="rumpf image build operators"):
        image_for(embedded(), operator(), "rumpf.local/operators:dev", tmp_path, Silent())


def test_simulated_pods_need_no_image(tmp_path: Path) -> None:
    archive(tmp_path)
    assert image_for(embedded("fake"), operator(), None, tmp_path, Silent()) == Image(None)


def test_an_archive_of_another_make_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "dist/images/operators.tar"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"not a tar file")
    with pytest.raises(InstallError, match="not an archive that rumpf made"):
        image_for(embedded(), operator(), None, tmp_path, Silent())


@pytest.mark.parametrize(
    "name", ["busybox", "busybox:1.37", "docker.io/library/busybox:1.37", "docker.io/busybox"]
)
def test_busybox_by_any_name_is_the_one_made_here_and_that_is_said(name: str) -> None:
    said = io.StringIO()
    found = local_settings(operator(Setting("IMAGE", name, "An image.")), {}, Lines(said))
    assert found == {"IMAGE": IMAGE}
    assert f"IMAGE={IMAGE}, made here, instead of {name}" in said.getvalue()


@pytest.mark.parametrize("name", ["busybox-extras:1", "quay.io/other/busybox:1", "docker.io/library/nginx:1"])
def test_other_images_stay_what_they_are(name: str) -> None:
    assert local_settings(operator(Setting("IMAGE", name, "An image.")), {}, Silent()) == {}


def test_a_chosen_setting_stays_what_it_is() -> None:
    one = operator(Setting("IMAGE", "busybox", "An image."))
    assert settings_for(embedded(), one, {"IMAGE": "mine:1"}, Silent()) == {"IMAGE": "mine:1"}
    assert settings_for(ELSEWHERE, one, {}, Silent()) == {}
    assert settings_for(embedded(), one, {}, Silent()) == {"IMAGE": IMAGE}


def test_samples_run_from_the_busybox_made_here_and_that_is_said() -> None:
    said = io.StringIO()
    containers = [{"name": "web", "image": "busybox:1.37"}, {"name": "other", "image": "nginx:1"}]
    spec = {"initContainers": [{"name": "first", "image": "busybox"}], "containers": containers}
    deployment = {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": {"spec": spec}}}
    config = {"kind": "ConfigMap", "metadata": {"name": "config"}, "data": {"image": "busybox"}}
    changed, same = local_samples(operator(), [deployment, config], Lines(said))
    found = changed["spec"]["template"]["spec"]
    assert [each["image"] for each in found["initContainers"] + found["containers"]] == [
        IMAGE,
        IMAGE,
        "nginx:1",
    ]
    assert same == config
    assert containers[0]["image"] == "busybox:1.37", "the declaration stays what it is"
    assert f"sample with {IMAGE}, made here, instead of busybox:1.37" in said.getvalue()
