"""The connection on which a cluster is watched while it comes up: verified both ways, and kept."""

import json
import ssl
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rumpf.cluster.client import ApiClient, load_chain
from rumpf.cluster.kubeconfig import kubeconfig
from rumpf.cluster.pki import Authority
from rumpf.cluster.ports import free_port


@dataclass
class Heard:
    """What the server was asked, and on how many connections."""

    requests: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    connections: set[int] = field(default_factory=set)


class Server(ThreadingHTTPServer):
    """An API server that knows four paths."""

    daemon_threads = True

    def __init__(self, authority: Authority) -> None:
        """Listen on the loopback."""
        super().__init__(("127.0.0.1", 0), Answer)
        self.heard = Heard()
        pair = authority.issue("kube-apiserver", hosts=["127.0.0.1"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=authority.certificate)
        load_chain(context, pair.certificate, pair.key)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that part in the middle are what is tested."""


class Answer(BaseHTTPRequestHandler):
    """One connection to it."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """Answer by path."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.heard.requests.append((self.command, self.path, self.headers["Content-Type"], body))
        self.server.heard.connections.add(self.client_address[1])
        if self.path == "/cut":
            self._send(b"{", length=100)
            self.close_connection = True
        elif self.path == "/gone":
            self.close_connection = True
        elif self.path.endswith("?watch=true"):
            self._send(b'{"type": "ADDED"}\n{"type": "DELETED"}\n')
        else:
            self._send(b"not yet" if self.path == "/readyz" else b'{"items": []}')

    do_POST = do_GET  # noqa: N815 - http.server looks for it
    do_PATCH = do_GET  # noqa: N815

    def _send(self, body: bytes, length: int | None = None) -> None:
        self.send_response(500 if self.path == "/readyz" else 200)
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
        """Say nothing."""


@pytest.fixture(scope="module")
def authority() -> Authority:
    """The cluster's authority."""
    return Authority("rumpf-one")


@pytest.fixture
def server(authority: Authority) -> Generator[Server]:
    """The server."""
    with Server(authority) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def client(server: Server, authority: Authority) -> Generator[ApiClient]:
    """A client of it."""
    made = ApiClient(credentials(server.server_port, trusts=authority, signed_by=authority))
    yield made
    made.close()


def credentials(port: int, *, trusts: Authority, signed_by: Authority, host: str = "127.0.0.1") -> str:
    return kubeconfig(
        name="one",
        server=f"https://{host}:{port}",
        authority=trusts.certificate,
        client=signed_by.issue("me"),
    )


def test_one_connection_serves_for_all_requests(client: ApiClient, server: Server) -> None:
    for _ in range(3):
        assert client.request("GET", "/api/v1/nodes") == (200, {"items": []})
    assert client.status("/api/v1/nodes") == 200
    assert len(server.heard.connections) == 1


def test_an_answer_that_is_no_json_is_a_message(client: ApiClient) -> None:
    assert client.request("GET", "/readyz") == (500, {"message": "not yet"})


def test_a_body_is_sent_as_json_and_a_patch_as_a_merge(client: ApiClient, server: Server) -> None:
    client.request("POST", "/a", {"kind": "Node"})
    client.request("PATCH", "/b", {"x": None})
    assert [(method, kind, json.loads(body)) for method, _, kind, body in server.heard.requests] == [
        ("POST", "application/json", {"kind": "Node"}),
        ("PATCH", "application/merge-patch+json", {"x": None}),
    ]


@pytest.mark.parametrize("path", ["/cut", "/gone"])
def test_after_an_answer_that_broke_off_it_connects_anew(
    client: ApiClient, server: Server, path: str
) -> None:
    with pytest.raises((OSError, HTTPException)):
        client.request("GET", path)
    assert client.status(path) == 0
    assert client.status("/api/v1/nodes") == 200
    assert len(server.heard.connections) == 3


def test_a_watch_is_one_event_after_the_other_until_it_ends(client: ApiClient) -> None:
    assert [event["type"] for event in client.watch("/api/v1/pods")] == ["ADDED", "DELETED"]


def test_a_server_of_another_authority_is_told_nothing(server: Server, authority: Authority) -> None:
    client = ApiClient(credentials(server.server_port, trusts=Authority("rumpf-one"), signed_by=authority))
    with pytest.raises(ssl.SSLCertVerificationError):
        client.request("GET", "/api/v1/nodes")
    assert client.status("/api/v1/nodes") == 0
    assert server.heard.requests == []
    client.close()


def test_a_server_of_another_name_is_told_nothing(server: Server, authority: Authority) -> None:
    config = credentials(server.server_port, trusts=authority, signed_by=authority, host="localhost")
    client = ApiClient(config)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        client.request("GET", "/api/v1/nodes")
    assert server.heard.requests == []
    client.close()


def test_where_nobody_listens_the_status_is_0(authority: Authority) -> None:
    client = ApiClient(credentials(free_port(), trusts=authority, signed_by=authority))
    assert client.status("/readyz") == 0
    client.close()
