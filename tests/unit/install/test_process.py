"""The process of an operator that is run from here: what it is given, and when it ends."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rumpf import Grant
from rumpf.errors import UsageError
from rumpf.install.process import OperatorChild, Seat
from rumpf.manifests import Options
from rumpf.operator import Setting
from tests.unit.install.operators import made

SEAT = Seat(Path("/project"), "home", Path("/private/kubeconfig"), "127.0.0.1:1")


def test_it_has_what_its_pod_would_have_and_a_kubeconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/more")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test")
    operator = made(settings=[Setting("COLOUR", "blue", "A colour."), Setting("SIZE", "1", "A size.")])
    found = SEAT.environment(operator, Options(watch=["b", "a"], settings={"SIZE": "2"}))
    assert found["COLOUR"] == "blue"
    assert found["SIZE"] == "2"
    assert found["KUBECONFIG"] == "/private/kubeconfig"
    assert found["POD_NAMESPACE"] == "home"
    assert found["RUMPF_LEADER_ELECTION"] == "1"
    assert found["RUMPF_LOG_FORMAT"] == "text"
    assert found["WATCH_NAMESPACE"] == "a,b"
    assert found["PYTHONPATH"] == os.pathsep.join(("/project", "/more"))
    assert "HTTPS_PROXY" not in found


def test_a_setting_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match="no setting TYPO"):
        SEAT.environment(made(), Options(settings={"TYPO": "1"}))


def test_it_is_told_of_its_grants_as_its_pod_would_be() -> None:
    operator = made(grants=[Grant("secrets", "Reads them."), Grant("more-of-them", "Too.", default=True)])
    found = SEAT.environment(operator, Options(grants={"secrets": ["b", "a"]}))
    assert (found["RUMPF_GRANT_SECRETS"], found["RUMPF_GRANT_MORE_OF_THEM"]) == ("a,b", "*")
    assert SEAT.environment(operator, Options())["RUMPF_GRANT_SECRETS"] == ""


def test_one_that_is_never_told_to_start_ends_without_doing_anything() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rumpf.install.child", "operators.absent"],
        input="",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_cannot_be_imported_is_told_once_it_is_to_start() -> None:
    command = [sys.executable, "-m", "rumpf.install.child", "operators.absent"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write("start\n")
        process.stdin.flush()
        assert "operators.absent" in process.stderr.read()
    assert process.returncode == 1


def test_one_that_gets_ready_can_be_stopped_at_any_time() -> None:
    async def scenario() -> int:
        child = await OperatorChild.prepare(made(), os.environ, captured=True)
        await child.stop()
        await child.stop()
        return await child.wait()

    assert asyncio.run(scenario()) == 143
