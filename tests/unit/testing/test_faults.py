"""Faults that no cluster is needed for: how they are undone, refused, and put into words for the kernel."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from rumpf.cluster import Cluster, Nodes
from rumpf.errors import AssetError, FaultError, RumpfError, ToolMissing
from rumpf.testing import Backend, Faults
from rumpf.testing.embedded import Embedded
from rumpf.testing.faults import network
from rumpf.testing.faults.ballast import Refused, check, kind_of_mount, mount_id
from rumpf.testing.faults.edge import Block
from rumpf.testing.faults.episodes import Episodes
from rumpf.testing.faults.pods import Container, Pod
from rumpf.testing.faults.slow import queueing
from rumpf.testing.faults.volumes import machine_devices
from rumpf.testing.kind import Kind

pytest_plugins = ["pytester"]


def _fail() -> None:
    raise OSError("the tool is gone")


def test_a_fault_is_undone_however_its_block_ends() -> None:
    undone: list[str] = []
    episodes = Episodes()
    with episodes.lasting("one", lambda: undone.append("one")):
        assert undone == []
    with pytest.raises(KeyboardInterrupt), episodes.lasting("two", lambda: undone.append("two")):
        raise KeyboardInterrupt
    assert undone == ["one", "two"]


def test_what_cannot_be_undone_is_an_error() -> None:
    with pytest.raises(FaultError) as failed, Episodes().lasting("wire cut", _fail):
        pass
    assert failed.value.where == "wire cut"
    assert "could not be undone: the tool is gone" in failed.value.what


def test_what_cannot_be_undone_does_not_hide_why_the_test_failed() -> None:
    with pytest.raises(ZeroDivisionError) as failed, Episodes().lasting("wire cut", _fail):
        raise ZeroDivisionError
    assert "wire cut: it could not be undone: the tool is gone" in failed.value.__notes__[0]


def test_what_was_never_ended_is_undone_with_the_test_the_latest_first() -> None:
    undone: list[str] = []
    episodes = Episodes()
    blocks = [
        episodes.lasting("first", lambda: undone.append("first")),
        episodes.lasting("broken", _fail),
        episodes.lasting("last", lambda: undone.append("last")),
    ]
    for block in blocks:
        block.__enter__()
    with pytest.raises(FaultError, match="broken"):
        episodes.close()
    assert undone == ["last", "first"]
    episodes.close()
    assert undone == ["last", "first"], "each once"


def test_the_report_tells_when_a_fault_was_and_what_failed_meanwhile() -> None:
    episodes = Episodes()
    with episodes.lasting("one", lambda: None):
        assert str(episodes.all[0]).endswith("still active  one")
    with pytest.raises(AssertionError), episodes.lasting("two", lambda: None):
        raise AssertionError
    assert str(episodes.all[1]).endswith("two  <- AssertionError while it was active")
    episodes.note("three")
    assert str(episodes.all[2]).endswith("  three")


@contextmanager
def _lacking(*, before: bool) -> Generator[str]:
    """Lack a tool: before the block, or after it."""
    error = ToolMissing("there is no tc", remedy="install it", where="here")
    if before:
        raise error
    yield "it"
    raise error


@pytest.mark.parametrize("before", [True, False])
def test_whatever_goes_wrong_with_a_fault_is_a_fault_error_with_the_same_words(*, before: bool) -> None:
    with pytest.raises(FaultError) as failed, Block(_lacking(before=before)) as what:
        assert what == "it"
    assert str(failed.value) == "here: there is no tc\n  -> install it"


def test_what_a_test_raises_itself_passes_a_fault_as_it_is() -> None:
    mine = AssetError("mine", remedy="none")
    with (
        pytest.raises(RumpfError) as failed,
        Block(Episodes().lasting("wire cut", lambda: None)),
    ):
        raise mine
    assert failed.value is mine


def test_a_fault_that_cannot_be_is_shown_at_the_line_of_the_test_and_nowhere_else(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import pathlib
        from rumpf.errors import FaultError
        from rumpf.testing import Faults
        from rumpf.testing.faults.edge import Block
        from rumpf.testing.faults.episodes import Episodes
        from rumpf.testing.kind import Kind

        faults = Faults(Kind("t", pathlib.Path("k"), pathlib.Path("k"), pathlib.Path("k")))

        def fail():
            raise FaultError("not possible", remedy="none")

        def test_kill(): faults.kill("etcd")
        def test_killed():
            with faults.killed("etcd"): pass
        def test_cut():
            with faults.cut("pod", "api"): pass
        def test_proxy():
            with faults.proxy(for_pods=True): pass
        def test_undo():
            with Block(Episodes().lasting("wire cut", fail)): pass
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", timeout=60)
    result.assert_outcomes(failed=5)
    result.stdout.fnmatch_lines(
        [
            '> *def test_kill(): faults.kill("etcd")',
            "E *FaultError: t: cannot kill a component: this cluster is not rumpf's own (kind)",
            "test_a_fault_*.py:*: FaultError",
            "E *FaultError: wire cut: it could not be undone: not possible",
        ]
    )
    for ours in ("*rumpf/testing/*", "*contextlib.py*", "*direct cause*", "*During handling*"):
        result.stdout.no_fnmatch_line(ours)


@dataclass(frozen=True)
class _Handle:
    """As much of an embedded cluster as a refusal looks at."""

    name: str
    nodes: Nodes


def _faults(backend: Backend, nodes: Nodes) -> Faults:
    if backend == "embedded":
        return Faults(Embedded(cast("Cluster", _Handle("t", nodes))))
    return Faults(Kind("t", Path("kubeconfig"), Path("kubectl"), Path("kind"), backend=backend))


@pytest.mark.parametrize("backend", ["kind", "existing"])
def test_clusters_of_others_are_not_disturbed_and_it_says_why(backend: Backend) -> None:
    faults = _faults(backend, "real")
    for refused in (
        lambda: faults.kill("etcd"),
        lambda: faults.killed("etcd"),
        lambda: faults.frozen("etcd"),
        lambda: faults.cut("pod", "api"),
        lambda: faults.slow("pod", rate="1mbit"),
        lambda: faults.fill("pod", "/data"),
        lambda: faults.kill_container("pod"),
        lambda: faults.proxy(for_pods=True),
    ):
        with pytest.raises(FaultError, match=rf"this cluster is not rumpf's own \({backend}\)") as error:
            refused()
        assert "--cluster embedded" in error.value.remedy


@pytest.mark.parametrize("nodes", ["fake", "none"])
def test_pods_that_do_not_run_cannot_be_disturbed(nodes: Nodes) -> None:
    faults = _faults("embedded", nodes)
    for refused in (
        lambda: faults.cut("pod", "api"),
        lambda: faults.slow("pod", rate="1mbit"),
        lambda: faults.fill("pod", "/data"),
        lambda: faults.kill_container("pod"),
    ):
        with pytest.raises(FaultError, match=f"no Pods run here \\({nodes} nodes\\)") as error:
            refused()
        assert "--nodes real" in error.value.remedy


def test_a_cut_is_put_in_and_taken_away_as_a_whole_and_by_its_own_name() -> None:
    pod = Pod("ns", "one", "uid", "10.0.0.1", (Container("main", "id", 0),))
    rules = network.between(pod, Pod("ns", "two", "uid", "10.0.0.2", ()))
    assert network.batch("-I", rules, "rumpf-1").splitlines() == [
        "*filter",
        "-I FORWARD -s 10.0.0.1 -d 10.0.0.2 -m comment --comment rumpf-1 -j DROP",
        "-I FORWARD -s 10.0.0.2 -d 10.0.0.1 -m comment --comment rumpf-1 -j DROP",
        "COMMIT",
    ]
    assert network.batch("-D", rules, "rumpf-1") == network.batch("-I", rules, "rumpf-1").replace("-I", "-D")


@pytest.mark.parametrize(
    ("rate", "delay", "words"),
    [
        ("1mbit", None, "tbf rate 1mbit burst 16kb latency 500ms"),
        (None, "100ms", "netem delay 100ms"),
        ("512kbit", "1.5s", "netem delay 1.5s rate 512kbit"),
    ],
)
def test_slowness_is_told_to_the_kernel_in_its_own_words(
    rate: str | None, delay: str | None, words: str
) -> None:
    assert " ".join(queueing(rate, delay)) == words


@pytest.mark.parametrize(
    ("rate", "delay", "says"),
    [
        ("fast", None, "'fast' is no rate"),
        ("1 mbit", None, "'1 mbit' is no rate"),
        (None, "100", "'100' is no delay"),
        (None, None, "neither a rate nor a delay"),
    ],
)
def test_what_tc_would_misread_is_refused(rate: str | None, delay: str | None, says: str) -> None:
    with pytest.raises(FaultError, match=says):
        queueing(rate, delay)


def test_a_mount_is_found_by_its_number() -> None:
    mounts = "12 1 0:5 / / rw shared:1 - ext4 /dev/vda rw\n123 12 0:44 / /data rw - tmpfs tmpfs rw,size=8k\n"
    assert kind_of_mount(mounts, "123") == "tmpfs"
    assert kind_of_mount(mounts, "12") == "ext4"
    assert kind_of_mount(mounts, "1") == ""
    assert machine_devices(mounts) == [os.makedev(0, 5), os.makedev(0, 44)]


def test_the_machines_own_disk_is_never_filled(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    information = os.open("/proc/self/fdinfo", os.O_RDONLY | os.O_DIRECTORY)
    try:
        mounts = Path("/proc/self/mountinfo").read_text()
        kind = kind_of_mount(mounts, mount_id(folder, information))
        assert kind
        with pytest.raises(Refused, match="not a file system of its own"):
            check(folder, set(machine_devices(mounts)), kind)
    finally:
        os.close(folder)
        os.close(information)
