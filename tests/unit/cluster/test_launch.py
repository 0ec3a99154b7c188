"""How a cluster is brought up where something is in the way."""

import errno
import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from rumpf.cluster import ClusterSpec, launch, up
from rumpf.cluster.client import load_chain
from rumpf.cluster.kubeconfig import kubeconfig
from rumpf.cluster.launch import create_nodes, ready_nodes
from rumpf.cluster.pki import Authority
from rumpf.cluster.ports import free_port
from rumpf.cluster.session import Taken
from rumpf.console import Lines
from rumpf.errors import ClusterError, Interrupted, StartTimeout, UsageError

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


@pytest.mark.parametrize(
    ("error", "said", "mend"),
    [
        (TimeoutError("timed out"), "one: bringing it up broke off: timed out", "try again"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "Connection reset", "try again"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "unavailable", "ulimit -a"),
        (OSError(errno.EMFILE, "Too many open files", "/disk/x"), "Too many open files", "ulimit -a"),
    ],
)
def test_what_is_not_the_disks_fault_is_not_said_to_be(
    attempts: Callable[[BaseException], list[int]], error: OSError, said: str, mend: str
) -> None:
    attempts(error)
    with pytest.raises(ClusterError, match=said) as refusal:
        up(ClusterSpec(name="one", nodes="none"))
    assert mend in refusal.value.remedy
    assert "RUMPF_CACHE" not in refusal.value.remedy


class Mute(BaseHTTPRequestHandler):
    """An API server that hangs up instead of answering."""

    def do_POST(self) -> None:
        """Hang up."""
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
        """Say nothing."""


@pytest.mark.parametrize("listens", [True, False])
def test_an_api_server_that_stops_answering_while_nodes_are_made_is_named(*, listens: bool) -> None:
    authority = Authority("rumpf-one")
    pair = authority.issue("kube-apiserver", hosts=["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_chain(context, pair.certificate, pair.key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Mute) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"https://127.0.0.1:{server.server_port if listens else free_port()}"
        admin = kubeconfig(
            name="one", server=url, authority=authority.certificate, client=authority.issue("me")
        )
        with pytest.raises(StartTimeout, match="the API server stopped answering while its nodes were made"):
            create_nodes(admin, 2)
        server.shutdown()


@pytest.mark.parametrize("place", ["clusters", "binaries"])
def test_a_real_node_has_nothing_where_its_world_has_the_clusters_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    monkeypatch.setenv("RUMPF_CACHE", "/run/rumpf/cache" if place == "clusters" else str(tmp_path))
    monkeypatch.setattr(launch, "check_real_node", lambda: None)
    monkeypatch.setattr(launch, "Assets", lambda **_: Binaries())
    with pytest.raises(UsageError, match="a real node can use nothing below /run/rumpf") as refusal:
        up(ClusterSpec(name="one", nodes="real"))
    assert "RUMPF_CACHE" in refusal.value.remedy
    assert refusal.value.where == {"clusters": "/run/rumpf/cache/clusters/one"}.get(place, "/run/rumpf/bin")
    assert not Path("/run/rumpf").exists()


class Binaries(Stock):
    """Binaries at an unlucky place."""

    def ensure(self, _: object) -> Mapping[str, Path]:
        """One is enough."""
        return {"etcd": Path("/run/rumpf/bin/etcd")}


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
