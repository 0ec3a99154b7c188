"""Operators started as kopf's own users do, with plain kopf handlers beside them."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from rumpf.testing import Kubectl, Logs, Operators
from tests.e2e.pages import blocks

ROOT = Path(__file__).parents[2]
_PYTHON = ".venv/bin/python "
_NOT_THEIRS = ("POD_", "RUMPF_", "PYTHONPATH")


def as_readme_says() -> tuple[list[str], list[str]]:
    """Return what README.md has its reader type: what kubectl is asked to do, and what Python is."""
    applied, started = next(
        block.text.splitlines()
        for block in blocks((ROOT / "README.md").read_text())
        if "kopf run" in block.text
    )
    assert started.startswith(_PYTHON)
    return applied.split()[1:], started.removeprefix(_PYTHON).split()


@contextmanager
def python(
    kubectl: Kubectl, log: Path, folder: Path, arguments: Sequence[str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run Python, as an administrator who is in no Pod; it is killed where it does not end by itself."""
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith(_NOT_THEIRS)},
        "KUBECONFIG": str(kubectl.kubeconfig),
        "WATCH_NAMESPACE": str(kubectl.namespace),
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=folder, env=variables, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.fixture
def log(tmp_path: Path, rumpf_logs: Logs) -> Path:
    """Return where `kopf run` writes to; shown where the test fails."""
    rumpf_logs.add("kopf run", tmp_path / "kopf.log")
    return tmp_path / "kopf.log"


def message(kubectl: Kubectl, name: str) -> None:
    manifest = f"{{apiVersion: myorg.dev/v1, kind: Message, metadata: {{name: {name}}}, spec: {{text: Hi}}}}"
    kubectl("apply", "--filename=-", input=manifest)


def test_kopf_run_starts_the_operator_as_the_readme_says_and_ends_it_in_order(
    kubectl: Kubectl, operators: Operators, busybox: str, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGE_IMAGE", busybox)
    operators.install("message")
    (*apply, crd), started = as_readme_says()
    kubectl(*apply, str(ROOT / crd), "--dry-run=server", "--force-conflicts")
    with python(kubectl, log, ROOT, started) as running:
        message(kubectl, "hello")
        kubectl("wait", "--for=condition=Ready", "message/hello", "--timeout=60s")
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    assert "WARN" not in log.read_text().upper(), "neither of what it is to watch, nor of anything else"
    assert kubectl("get", "message/hello", "--output=jsonpath={.metadata.finalizers}") == ""


def test_plain_kopf_handlers_work_beside_a_reconciler(
    kubectl: Kubectl, operators: Operators, busybox: str, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGE_IMAGE", busybox)
    operators.install("message")
    (log.parent / "operators").symlink_to(ROOT / "operators")
    (log.parent / "both.py").write_text(
        textwrap.dedent(
            """
            import kopf

            import operators.message


            @kopf.on.create("configmaps", labels={"mark": "me"})
            def mark(patch, **_):
                patch.metadata.annotations["marked"] = "yes"
            """
        )
    )
    here = f"--namespace={kubectl.namespace}"
    with python(kubectl, log, log.parent, ["-m", "kopf", "run", "--standalone", here, "--module=both"]):
        message(kubectl, "hello")
        kubectl("create", "configmap", "plain")
        kubectl("label", "configmap", "plain", "mark=me")
        kubectl(
            "wait", "--for=jsonpath={.metadata.annotations.marked}=yes", "configmap/plain", "--timeout=60s"
        )
        kubectl("wait", "--for=condition=Ready", "message/hello", "--timeout=60s")
