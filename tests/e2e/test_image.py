"""Images, built by the real engine from real packages, and run by a real node."""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rumpf.image.engine import engine_called

ROOT = Path(__file__).parents[2]

MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {name: probe, labels: {app: probe}}
spec:
  automountServiceAccountToken: false
  securityContext:
    {runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: probe
    image: rumpf.local/probe:dev
    imagePullPolicy: Never
    ports: [{containerPort: 8080}]
    readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
"""


@dataclass(frozen=True, slots=True)
class Build:
    """A finished build: what was printed, and the cache that it filled."""

    result: dict[str, Any]
    archive: Path
    cache: Path


def _why_not() -> str | None:
    if reason := engine_called("buildah").why_not():
        return f"buildah: {reason}"
    if shutil.which("mmdebstrap") is None:
        return "mmdebstrap, which makes the base, is not there"
    if os.geteuid() != 0:
        return "making a base from packages takes root here"
    return None


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build the probe once, with nothing in the cache, or skip."""
    if reason := _why_not():
        pytest.skip(reason)
    return _build(tmp_path_factory.mktemp("build"), ROOT / "images")


@pytest.fixture
def loadable(built: Build, cluster: Any, kubectl: Callable[..., str], namespace: str) -> Build:  # noqa: ANN401
    """The image in the cluster's node, and a namespace that wants restricted Pods."""
    cluster.load(built.archive)
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    return built


def test_an_image_is_built_without_docker_and_without_a_registry(built: Build) -> None:
    assert built.result["name"] == "probe"
    assert built.result["engine"] == "buildah"
    assert built.result["base"].startswith("rumpf.local/debian-python:bookworm-")
    assert built.archive.stat().st_size < 96 * 2**20


def test_the_same_sources_give_the_same_image_from_another_place_at_another_time(
    built: Build, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "a checkout elsewhere"
    shutil.copytree(ROOT / "images", elsewhere)
    for path in elsewhere.rglob("*"):
        os.utime(path, (1e9, 1e9))
        path.chmod(0o700 if path.is_dir() else 0o600)
    again = _build(tmp_path, elsewhere)
    assert _blobs(again.archive) == _blobs(built.archive)
    assert again.result["digest"] == built.result["digest"]


def test_once_base_and_wheels_are_there_a_build_needs_no_network(built: Build, tmp_path: Path) -> None:
    again = _build(tmp_path, ROOT / "images", cache=built.cache, within=("unshare", "--net"))
    assert again.result["digest"] == built.result["digest"]


def test_a_step_that_fails_is_shown_and_leaves_no_archive(built: Build, tmp_path: Path) -> None:
    broken = tmp_path / "images" / "broken"
    broken.mkdir(parents=True)
    (broken / "Containerfile").write_text(f"FROM {built.result['base']}\nRUN echo no such luck >&2; exit 9\n")
    done = _run(tmp_path, tmp_path / "images", built.cache, "broken")
    assert done.returncode == 5
    assert "images/broken/Containerfile" in done.stderr
    assert "no such luck" in done.stderr
    assert "exit status 9" in done.stderr
    assert not (tmp_path / "out" / "broken.tar").exists()


def test_the_built_image_runs_as_a_restricted_pod(
    loadable: Build, kubectl: Callable[..., str], namespace: str
) -> None:
    assert loadable.archive.exists()
    kubectl("apply", "-n", namespace, "-f", "-", input=MANIFEST)
    kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/probe", "--timeout=60s")
    said = kubectl("get", "--raw", f"/api/v1/namespaces/{namespace}/pods/probe:8080/proxy/env")
    told = json.loads(said)
    assert (told["uid"], told["gid"]) == (65532, 65532)
    assert told["python"].startswith("3.11.")
    assert told["env"]["HOSTNAME"] == "probe"


def _build(folder: Path, images: Path, *, cache: Path | None = None, within: tuple[str, ...] = ()) -> Build:
    cache = cache if cache is not None else folder / "cache"
    done = _run(folder, images, cache, "probe", within=within)
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)
    return Build(result, Path(result["archive"]), cache)


def _run(
    folder: Path, images: Path, cache: Path, name: str, *, within: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    command = (
        *(*within, "rumpf", "image", "build", name, "--engine", "buildah", "--base", "debian"),
        *("--images", str(images), "--into", str(folder / "out"), "--output", "json"),
    )
    return subprocess.run(
        command, env={**os.environ, "RUMPF_CACHE": str(cache)}, capture_output=True, text=True, check=False
    )


def _blobs(archive: Path) -> dict[str, str]:
    """Return each blob's digest, as named and as computed from what is really there."""
    blobs: dict[str, str] = {}
    with tarfile.open(archive) as opened:
        for member in opened:
            content = opened.extractfile(member)
            assert content is not None
            if member.name.startswith("blobs/sha256/"):
                blobs[member.name.rpartition("/")[2]] = hashlib.sha256(content.read()).hexdigest()
    assert all(named == computed for named, computed in blobs.items())
    return blobs
