"""Images, built by the real engine from real packages, and run by a real node."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from rumpf import __version__
from rumpf.image.engine import engine_called
from rumpf.testing import Kubectl, RunningCluster

ROOT = Path(__file__).parents[2]

HATCHLING = (sys.executable, "-m", "hatchling", "build", "-t", "wheel")

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


# Told from within: who runs, what of the code would be compiled at each start, and what can be written.
ABOUT = """
import importlib.util, json, os, sys
import kopf, operators.message
files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
slow = [
    name for name, file in files.items()
    if file.endswith(".py") and not os.path.exists(importlib.util.cache_from_source(file))
]
writable = [folder for folder in ("/", "/app", "/tmp", "/usr") if os.access(folder, os.W_OK)]
print(json.dumps({"uid": os.getuid(), "slow": slow, "writable": writable, "rumpf": files["rumpf"]}))
"""

OPERATORS = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "operators"},
    "spec": {
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        # No word about the user: that the image says.
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": name,
                "image": "rumpf.local/operators:dev",
                "imagePullPolicy": "Never",
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                **started,
            }
            for name, started in {
                "help": {"args": ["--help"]},
                "about": {"command": ["python3", "-c", ABOUT]},
            }.items()
        ],
    },
}


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


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository as it is now, whatever is changed in it meanwhile."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("images", "operators", "rumpf"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="session")
def operators(built: Build, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The image of this repository's operators."""
    return _build(tmp_path_factory.mktemp("operators"), project / "images", "operators", cache=built.cache)


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


def test_the_operators_image_has_the_operators_and_rumpf_from_source_and_nothing_to_build_with(
    operators: Build, project: Path
) -> None:
    (_, below, layer) = _layers(operators.archive)
    app = {name.removeprefix("app/") for name in layer if name.startswith("app/")}
    source = {str(each.relative_to(project)) for each in (project / "rumpf").rglob("*.py")}
    assert app >= source
    assert app >= {"operators/message/operator.py", f"rumpf-{__version__}.dist-info/licenses/LICENSE"}
    assert not app & {"bin", "pip", "hatchling", "wheels", "operators/message/k8s"}
    assert {name.partition("/")[0] for name in layer} == {"app"}
    assert {name.partition("/")[0] for name in below} == {"deps"}
    assert {"deps/kopf", "deps/pydantic"} <= set(below)
    assert operators.archive.stat().st_size < 160 * 2**20


def test_no_program_but_python_is_in_the_operators_image(operators: Build) -> None:
    programs = [
        name
        for layer in _layers(operators.archive)
        for name, member in layer.items()
        if re.fullmatch(r"(usr/(local/)?)?s?bin/[^/]+", name) and not member.isdir()
    ]
    assert programs
    assert [name for name in programs if not name.rpartition("/")[2].startswith("python3")] == []


def test_what_is_in_the_operators_image_is_told_beside_it(operators: Build) -> None:
    bill = json.loads(Path(operators.result["sbom"]).read_text())
    versions = {each["name"]: each["version"] for each in bill["components"]}
    assert versions["rumpf"] == __version__
    assert {"libc6", "python3.11-minimal", "kopf", "pydantic-core"} <= versions.keys()
    pins = (ROOT / "images/operators/requirements.txt").read_text()
    told = {f"{each['name']}=={each['version']}" for each in bill["components"] if "pypi" in each["purl"]}
    assert told - {f"rumpf=={__version__}"} == {
        pin for pin in re.findall(r"^(\S+==\S+)", pins, re.MULTILINE) if pin.split("==")[0] in versions
    }
    statement = json.loads(Path(operators.result["provenance"]).read_text())
    (subject,) = statement["subject"]
    assert f"sha256:{subject['digest']['sha256']}" == operators.result["digest"]
    assert bill["metadata"]["component"]["version"] == operators.result["digest"]


def test_whoever_runs_the_operators_image_cannot_become_root_by_what_is_in_it(operators: Build) -> None:
    assert _settings(operators.archive)["User"] == "65532:65532"
    privileged = [
        name
        for layer in _layers(operators.archive)
        for name, member in layer.items()
        if (member.isfile() and member.mode & 0o6000)
        or "SCHILY.xattr.security.capability" in member.pax_headers
    ]
    assert privileged == []


def test_the_argument_of_the_operators_image_is_the_operator(operators: Build) -> None:
    settings = _settings(operators.archive)
    assert settings["Entrypoint"] == ["python3", "-m", "rumpf.runtime"]
    assert "Cmd" not in settings


def test_the_same_operators_give_the_same_image_wherever_its_links_lead(
    operators: Build, project: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "without links"
    shutil.copytree(project / "images", elsewhere)
    for path in elsewhere.rglob("*"):
        os.utime(path, (1e9, 1e9))
    again = _build(tmp_path, elsewhere, "operators", cache=operators.cache, within=("unshare", "--net"))
    assert _blobs(again.archive) == _blobs(operators.archive)


def test_another_project_has_rumpf_from_its_lock_and_leaves_the_lines_about_the_source_out(
    operators: Build, project: Path, tmp_path: Path
) -> None:
    shelf, image = tmp_path / "shelf", tmp_path / "images" / "operators"
    subprocess.run([*HATCHLING, "-d", str(shelf)], cwd=project, check=True, capture_output=True)
    (wheel,) = shelf.iterdir()
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "operators" / "greeting").mkdir(parents=True)
    (tmp_path / "operators" / "greeting" / "operator.py").touch()
    image.mkdir(parents=True)
    (image / "operators").symlink_to("../../operators")
    ours = project / "images" / "operators"
    pins = f"rumpf=={__version__} --hash=sha256:{digest}\n{(ours / 'requirements.txt').read_text()}"
    (image / "requirements.txt").write_text(pins)
    steps = re.sub(r"(?s)# Rumpf, from.*?(?=COPY operators)", "", (ours / "Containerfile").read_text())
    assert "source" not in steps
    (image / "Containerfile").write_text(steps)
    fetched = [str(each) for each in (operators.cache / "images" / "wheels").iterdir()]
    index = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": " ".join([str(shelf), *fetched])}
    done = _run(tmp_path, tmp_path / "images", operators.cache, "operators", env=index)
    assert done.returncode == 0, done.stderr
    (_, below, layer) = _layers(tmp_path / "out" / "operators.tar")
    assert "deps/rumpf/__init__.py" in below
    assert "app/operators/greeting/operator.py" in layer
    assert "app/operators/message" not in layer


@pytest.mark.nodes("real")
def test_the_operators_image_runs_as_a_restricted_pod(
    operators: Build, cluster: RunningCluster, kubectl: Kubectl, namespace: str
) -> None:
    cluster.load(operators.archive)
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    kubectl("apply", "-f", "-", input=json.dumps(OPERATORS))
    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/operators", "--timeout=60s")
    assert "python -m rumpf.runtime" in kubectl("logs", "operators", "-c", "help")
    assert json.loads(kubectl("logs", "operators", "-c", "about")) == {
        "uid": 65532,
        "slow": [],
        "writable": [],
        "rumpf": "/app/rumpf/__init__.py",
    }


def _build(
    folder: Path,
    images: Path,
    name: str = "probe",
    *,
    cache: Path | None = None,
    within: tuple[str, ...] = (),
) -> Build:
    cache = cache if cache is not None else folder / "cache"
    done = _run(folder, images, cache, name, within=within)
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)
    return Build(result, Path(result["archive"]), cache)


def _run(
    folder: Path,
    images: Path,
    cache: Path,
    name: str,
    *,
    within: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    command = (
        *(*within, "rumpf", "image", "build", name, "--engine", "buildah", "--base", "debian"),
        *("--images", str(images), "--into", str(folder / "out"), "--output", "json"),
    )
    return subprocess.run(
        command,
        env={**os.environ, **(env or {}), "RUMPF_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
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


def _settings(archive: Path) -> dict[str, Any]:
    """Return what a container of the image runs with."""
    with tarfile.open(archive) as opened:
        (docker,) = json.load(_file(opened, "manifest.json"))
        settings: dict[str, Any] = json.load(_file(opened, docker["Config"]))["config"]
    return settings


def _layers(archive: Path) -> list[dict[str, tarfile.TarInfo]]:
    """Return what is in each layer, by path, the lowest first."""
    with tarfile.open(archive) as opened:
        (docker,) = json.load(_file(opened, "manifest.json"))
        layers: list[dict[str, tarfile.TarInfo]] = []
        for name in docker["Layers"]:
            with tarfile.open(fileobj=_file(opened, name)) as layer:
                layers.append({member.name: member for member in layer})
    return layers


def _file(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)
    assert file is not None
    return file
