"""What a machine allows, and what is said where it allows less."""

import ast
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from rumpf.cluster import ClusterSpec, best_nodes, cgroups, machine, up
from rumpf.cluster.environment import direct, exemption
from rumpf.cluster.machine import check_real_node, root_prefix
from rumpf.errors import ClusterError, NodeUnsupported


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[Path]:
    """Somebody who is not root, and a folder that is all of their PATH."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path))
    root_prefix.cache_clear()
    yield tmp_path
    root_prefix.cache_clear()


def test_root_is_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    root_prefix.cache_clear()
    assert root_prefix() == ()
    root_prefix.cache_clear()


def test_a_sudo_that_asks_no_password_is_used(person: Path) -> None:
    write_program(person / "sudo", '[ "$1" = -n ]')
    assert root_prefix() == (str(person / "sudo"), "-n")


def test_a_sudo_that_asks_for_a_password_is_not(person: Path) -> None:
    write_program(person / "sudo", "exit 1")
    assert root_prefix() is None


@pytest.mark.usefixtures("person")
def test_without_root_there_is_no_real_node() -> None:
    with pytest.raises(NodeUnsupported, match="needs root") as refusal:
        check_real_node()
    assert "--nodes fake" in refusal.value.remedy
    assert refusal.value.exit_code == 4
    assert best_nodes() == ("fake", refusal.value.what)


def test_without_control_groups_there_is_no_real_node(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "root_prefix", lambda: ())
    monkeypatch.setattr(cgroups, "_ROOT", tmp_path)
    with pytest.raises(NodeUnsupported, match="no control groups that can be written") as refusal:
        check_real_node()
    assert "--privileged" in refusal.value.remedy
    assert best_nodes()[0] == "fake"


@pytest.mark.parametrize("sign", ["cgroup.controllers", "memory/tasks"])
def test_with_root_and_control_groups_of_either_version_there_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sign: str
) -> None:
    groups = tmp_path / "cgroup"
    (groups / sign).parent.mkdir(parents=True)
    (groups / sign).touch()
    may_do_all = tmp_path / "sudo"
    write_program(may_do_all, "exit 0")
    monkeypatch.setattr(machine, "root_prefix", lambda: (str(may_do_all),))
    monkeypatch.setattr(cgroups, "_ROOT", groups)
    assert best_nodes() == ("real", "")


def test_a_root_that_may_not_make_namespaces_has_no_real_node_and_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cgroup.controllers").touch()
    may_do_little = tmp_path / "sudo"
    write_program(may_do_little, "echo Some warning >&2; echo $2: Operation not permitted >&2; exit 1")
    monkeypatch.setattr(machine, "root_prefix", lambda: (str(may_do_little),))
    monkeypatch.setattr(cgroups, "_ROOT", tmp_path)
    nodes, reason = best_nodes()
    assert nodes == "fake"
    assert reason == "root may not make namespaces and mounts here (--mount: Operation not permitted)"
    with pytest.raises(NodeUnsupported) as refusal:
        check_real_node()
    assert "--privileged" in refusal.value.remedy


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can do without something")
def test_root_without_the_right_to_administer_has_no_real_node() -> None:
    program = "from rumpf.cluster import best_nodes; print(best_nodes())"
    without = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
    done = subprocess.run(
        [*without, sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    nodes, reason = ast.literal_eval(done.stdout)
    assert nodes == "fake"
    assert reason.startswith(("root may not make namespaces", "no control groups"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize(
    ("sign", "read_only", "available"),
    [
        ("cgroup.controllers", ".", False),
        ("memory/tasks", "memory", False),
        # As systemd has it: a folder that is sealed, with hierarchies in it that are not.
        ("memory/tasks", "other", True),
    ],
)
def test_control_groups_that_are_only_shown_do_not_count(
    tmp_path: Path, sign: str, read_only: str, *, available: bool
) -> None:
    for inner in ("memory", "other"):
        (tmp_path / inner).mkdir()
    (tmp_path / sign).touch()
    program = (
        "import sys; from pathlib import Path; from rumpf.cluster import cgroups;"
        "cgroups._ROOT = Path(sys.argv[1]); print(cgroups.available())"
    )
    mount = 'cd "$1"; mount --bind "$2" "$2"; mount -o remount,bind,ro "$2"; exec "$3" -c "$4" "$1"'
    shell = [
        "unshare",
        "--mount",
        "sh",
        "-ec",
        mount,
        "sh",
        str(tmp_path),
        read_only,
        sys.executable,
        program,
    ]
    done = subprocess.run(shell, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(available)


@pytest.mark.parametrize("nodes", ["real", "fake", "none"])
def test_elsewhere_than_on_linux_nothing_starts(monkeypatch: pytest.MonkeyPatch, nodes: str) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ClusterError, match="needs Linux, and this is darwin") as refusal:
        up(ClusterSpec(nodes=nodes))  # type: ignore[arg-type]
    assert "kind" in refusal.value.remedy


def test_no_proxy_stands_between_a_cluster_and_its_own_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "http_proxy", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.setenv(name, "http://proxy")
    monkeypatch.setenv("KEPT", "yes")
    assert direct()["KEPT"] == "yes"
    assert not [name for name in direct() if "proxy" in name.lower()]


def test_a_person_with_a_proxy_is_told_what_to_exempt(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert exemption() == ""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    assert exemption() == "NO_PROXY=198.18.0.0/15"
    monkeypatch.setenv("NO_PROXY", "localhost,.example.org")
    assert exemption() == "NO_PROXY=localhost,.example.org,198.18.0.0/15"
    monkeypatch.setenv("NO_PROXY", "localhost,198.18.0.0/15")
    assert exemption() == ""


def write_program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
