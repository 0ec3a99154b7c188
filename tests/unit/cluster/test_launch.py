"""How a cluster is brought up where something is in the way."""

import errno
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from rumpf.cluster import ClusterSpec, launch, up
from rumpf.cluster.launch import ready_nodes
from rumpf.cluster.session import Taken
from rumpf.console import Lines
from rumpf.errors import ClusterError, Interrupted

if TYPE_CHECKING:
    from rumpf.cluster.client import ApiClient


class Stock:
    """Binaries that are all there."""

    def __init__(self, **_: object) -> None:
        """Whatever is asked for."""

    def ensure(self, _: object) -> Mapping[str, Path]:
        """Nothing to fetch."""
        return {}


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[BaseException], list[int]]:
    """Let each attempt to bring a cluster up fail; the list grows with the attempts."""
    monkeypatch.setenv("RUMPF_CACHE", str(tmp_path))
    monkeypatch.setattr(launch, "Assets", Stock)
    monkeypatch.setattr(launch, "template_for", lambda *_: tmp_path)

    def fail_with(error: BaseException) -> list[int]:
        made: list[int] = []

        def attempt(*_: object, **__: object) -> None:
            made.append(1)
            raise error

        monkeypatch.setattr(launch._Launch, "attempt", attempt)  # noqa: SLF001 - the attempt is what fails
        return made

    return fail_with


def test_what_is_taken_again_and_again_is_given_up(
    attempts: Callable[[BaseException], list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    made = attempts(Taken())
    with pytest.raises(ClusterError, match="5 times in a row") as refusal:
        up(ClusterSpec(name="one", nodes="none"), console=Lines())
    assert len(made) == 5
    assert "rumpf cluster status" in refusal.value.remedy
    said = "the network or port chosen was taken meanwhile; choosing another\n"
    assert capsys.readouterr().err == said * 5


def test_ctrl_c_is_an_end_with_a_message(attempts: Callable[[BaseException], list[int]]) -> None:
    attempts(KeyboardInterrupt())
    with pytest.raises(Interrupted, match="one: interrupted; what had started was taken down") as end:
        up(ClusterSpec(name="one", nodes="none"))
    assert end.value.exit_code == 130


@pytest.mark.parametrize(
    ("number", "mend"), [(errno.ENOSPC, "free some room there"), (errno.EACCES, "yours to read and write")]
)
def test_what_the_disk_refuses_is_a_message(
    attempts: Callable[[BaseException], list[int]], number: int, mend: str
) -> None:
    attempts(OSError(number, "", "/disk/x"))
    with pytest.raises(ClusterError, match="one: /disk/x: ") as refusal:
        up(ClusterSpec(name="one", nodes="none"))
    assert mend in refusal.value.remedy


def node(*, ready: str | None = "True", taints: bool = False) -> dict[str, Any]:
    conditions = [{"type": "DiskPressure", "status": "True"}, {"type": "Ready", "status": ready}]
    return {
        "spec": {"taints": [{"key": "node.kubernetes.io/not-ready"}]} if taints else {},
        "status": {"conditions": conditions} if ready else {},
    }


class Nodes:
    """An API server that knows these nodes."""

    def __init__(self, *nodes: dict[str, Any]) -> None:
        """Keep them."""
        self._nodes = nodes

    def request(self, *_: object) -> tuple[int, dict[str, Any]]:
        """List them."""
        return 200, {"items": list(self._nodes)}


@pytest.mark.parametrize(
    ("nodes", "count"),
    [
        ([], 0),
        ([node()], 1),
        ([node(), node()], 2),
        ([node(ready="False")], 0),
        ([node(ready=None)], 0),
        ([node(taints=True), node()], 1),
    ],
)
def test_a_node_counts_when_it_is_ready_and_takes_pods(nodes: list[dict[str, Any]], count: int) -> None:
    assert ready_nodes(cast("ApiClient", Nodes(*nodes))) == count
