"""The `rumpf` command as a program: its help, its exit codes, and what it says where nothing is up."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rumpf import __version__, cli
from rumpf.errors import NoSuchCluster

ALL = ["check", "cluster", "image", "install", "new", "olm", "render", "run", "status", "uninstall", "up"]
COMMANDS = ["assets", "down", "exec", "kubeconfig", "load", "logs", "status", "up"]


@pytest.fixture
def nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that nothing was ever put into."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("RUMPF_CACHE", str(cache))
    return cache


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.cli, arguments, catch_exceptions=False)


def rumpf(*arguments: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run it as a shell does."""
    return subprocess.run(
        [sys.executable, "-m", "rumpf", *arguments],
        env=os.environ | {"RUMPF_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_names_the_commands() -> None:
    for word in ("--help", "-h"):
        done = run(word)
        assert done.exit_code == 0
        assert [line.split()[0] for line in done.output.split("Commands:\n")[1].splitlines()] == ALL


def test_the_version_is_the_packages() -> None:
    assert run("--version").output == f"rumpf {__version__}\n"


def test_help_on_clusters_names_every_command_once() -> None:
    listed = run("cluster", "--help").output.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in listed] == COMMANDS


def test_help_on_clusters_says_what_each_command_does() -> None:
    listed = run("cluster", "--help").output.split("Commands:\n")[1].splitlines()
    assert {line.split()[0] for line in listed} >= set(COMMANDS)
    assert all(len(line.split()) > 3 for line in listed)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_that_explains_its_options(command: str) -> None:
    done = run("cluster", command, "--help")
    assert done.exit_code == 0
    assert "Options:" in done.output


def test_help_loads_no_cluster() -> None:
    program = (
        "import sys; from rumpf.cli import cli; cli.main(['--version'], standalone_mode=False);"
        "print([name for name in sys.modules if name.startswith(('rumpf.cluster', 'cryptography'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_where_nothing_is_up_status_says_so_and_writes_nothing(nothing_up: Path) -> None:
    done = run("cluster", "status")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "no cluster is up\n")
    assert json.loads(run("cluster", "status", "--output", "json").stdout) == []
    assert not nothing_up.exists()


@pytest.mark.usefixtures("nothing_up")
@pytest.mark.parametrize(
    "arguments",
    [
        ["down"],
        ["kubeconfig"],
        ["kubeconfig", "--path"],
        ["logs", "etcd"],
        ["load", "x.tar"],
        ["exec", "true"],
    ],
    ids=" ".join,
)
def test_what_needs_a_cluster_says_that_none_is_up(arguments: list[str]) -> None:
    with pytest.raises(NoSuchCluster, match="rumpf: no such cluster is up") as refusal:
        run("cluster", *arguments)
    assert refusal.value.exit_code == 4
    assert "rumpf cluster up starts one" in refusal.value.remedy


def test_an_error_goes_to_stderr_with_its_remedy_and_exit_code(tmp_path: Path) -> None:
    done = rumpf("cluster", "down", "--name", "two", cache=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == (
        "error: two: no such cluster is up\n  -> none is up; rumpf cluster up starts one\n"
    )


def test_wrong_usage_goes_to_stderr_and_ends_with_2(tmp_path: Path) -> None:
    done = rumpf("cluster", "down", "--quickly", cache=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such option" in done.stderr
    assert "rumpf cluster down" in done.stderr


def test_without_a_command_it_shows_its_help(tmp_path: Path) -> None:
    done = rumpf(cache=tmp_path)
    assert done.returncode == 2
    assert "Commands:" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
