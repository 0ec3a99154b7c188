"""Operators started as kopf's own users do, with plain kopf handlers beside them."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rumpf.testing import Kubectl, Logs, Operators

ROOT = Path(__file__).parents[2]


@contextmanager
def kopf_run(kubectl: Kubectl, log: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `kopf run`, as an administrator who is in no Pod; it is killed where it does not end by itself."""
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("POD_", "RUMPF_"))},
        "KUBECONFIG": str(kubectl.kubeconfig),
        "WATCH_NAMESPACE": str(kubectl.namespace),
        "PYTHONPATH": os.pathsep.join([str(log.parent), str(ROOT)]),
    }
    command = [sys.executable, "-m", "kopf", "run", "--standalone", f"--namespace={kubectl.namespace}"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, *arguments], env=variables, stdout=file, stderr=subprocess.STDOUT
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


def test_kopf_run_starts_the_operator_and_ends_it_in_order(
    kubectl: Kubectl, operators: Operators, busybox: str, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGE_IMAGE", busybox)
    operators.install("message")
    with kopf_run(kubectl, log, "--module=operators.message") as running:
        message(kubectl, "hello")
        kubectl("wait", "--for=condition=Ready", "message/hello", "--timeout=60s")
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    assert kubectl("get", "message/hello", "--output=jsonpath={.metadata.finalizers}") == ""


def test_plain_kopf_handlers_work_beside_a_reconciler(
    kubectl: Kubectl, operators: Operators, busybox: str, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGE_IMAGE", busybox)
    operators.install("message")
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
    with kopf_run(kubectl, log, "--module=both"):
        message(kubectl, "hello")
        kubectl("create", "configmap", "plain")
        kubectl("label", "configmap", "plain", "mark=me")
        kubectl(
            "wait", "--for=jsonpath={.metadata.annotations.marked}=yes", "configmap/plain", "--timeout=60s"
        )
        kubectl("wait", "--for=condition=Ready", "message/hello", "--timeout=60s")
