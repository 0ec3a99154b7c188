"""A small HTTPS server that answers as an API server might, and remembers what reached it."""

import contextlib
import json
import queue
import socket
import threading
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, urlsplit

from rumpf.testing.proxy.certificate import ServerCertificate, issue

TOKEN = "the token that the API server knows"  # noqa: S105 - nobody's
PATIENCE = 10.0


@cache
def _certificate() -> ServerCertificate:
    return issue("127.0.0.1")


@dataclass
class Received:
    """A request, from the moment its head reached the server."""

    method: str
    path: str
    headers: dict[str, str]
    connection: int
    body: bytes = b""
    whole: bool = False


@dataclass
class Watch:
    """An open watch: what is put into it is sent, None ends it."""

    events: queue.SimpleQueue[bytes | None] = field(default_factory=queue.SimpleQueue[bytes | None])
    left: threading.Event = field(default_factory=threading.Event)
    """Set when the server sees that the other side is gone."""


class ApiServer(ThreadingHTTPServer):
    """Serves until `stop`; answers with an echo where nothing else is said."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        certificate = _certificate()
        self.authority = certificate.authority
        self._context = certificate.context
        self.received: list[Received] = []
        self.answers: dict[str, bytes] = {}
        """Whole raw answers by path; the connection is closed after one that ends with "until the end"."""
        self.watches: queue.SimpleQueue[Watch] = queue.SimpleQueue()
        self.said: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        """What came over other protocols than HTTP, line by line."""
        self.gate = threading.Event()
        """Requests to .../slow are answered once it is set."""
        self.gate.set()
        self.open: dict[int, socket.socket] = {}
        super().__init__(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.002})
        self._thread.start()

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept; the handshake is left to the connection's own thread."""
        connection, address = super().get_request()
        wrapped = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self.open[address[1]] = wrapped
        return wrapped, cast("tuple[str, int]", address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Close without ceremony."""
        self.close_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: connections that break are what the tests are about."""

    @property
    def writes(self) -> list[bytes]:
        """The bodies of the writes that arrived in whole, in the order in which they began."""
        return [each.body for each in list(self.received) if each.whole and each.method != "GET"]

    def kubeconfig(self, folder: Path, **user: str) -> Path:
        """Write a kubeconfig for this server."""
        authority, path = folder / "ca.crt", folder / "kubeconfig"
        authority.write_bytes(self.authority)
        server = f"https://127.0.0.1:{self.server_address[1]}"
        cluster = {"server": server, "certificate-authority": "ca.crt"}
        config = {
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": user or {"token": TOKEN}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "here"}}],
            "current-context": "x",
        }
        path.write_text(json.dumps(config))
        return path

    def watch(self) -> Watch:
        """Return the next watch that is opened."""
        return self.watches.get(timeout=PATIENCE)

    def die(self) -> None:
        """End all connections in the middle of whatever they do."""
        for connection in list(self.open.values()):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """End; nothing listens any more."""
        if self._thread.is_alive():
            self.gate.set()
            self.shutdown()
            self._thread.join()
            self.die()
            self.server_close()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def api(self) -> ApiServer:
        """The server that this is a connection of."""
        return cast("ApiServer", self.server)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Say nothing."""

    def answer_request(self) -> None:
        """Note the request, read it, answer it."""
        got = Received(self.command, self.path, dict(self.headers.items()), self.client_address[1])
        self.api.received.append(got)
        if self.headers.get("Upgrade"):
            self._tunnel()
            return
        if self.path.endswith("/early"):
            self._send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"{}")
        self._read_body(got)
        got.whole = True
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        raw = self.api.answers.get(url.path)
        if url.path.endswith("/early"):
            pass  # it was answered before it was read
        elif raw is not None:
            self.wfile.write(raw)
            self.close_connection = raw.endswith(b"until the end")
        elif "watch" in query:
            self._watch()
        elif "megabytes" in query:
            self._stream(int(query["megabytes"][0]))
        else:
            if url.path.endswith("/slow"):
                self.api.gate.wait(PATIENCE)
            echo = {"method": got.method, "path": got.path, "headers": got.headers, "bytes": len(got.body)}
            self._send(
                HTTPStatus.CREATED if got.method == "POST" else HTTPStatus.OK, json.dumps(echo).encode()
            )

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer_request  # noqa: N815 - the library's names

    def _read_body(self, got: Received) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                got.body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            left = int(self.headers.get("Content-Length") or 0)
            while left:
                piece = self.rfile.read(min(left, 65536))
                if not piece:
                    raise ConnectionError
                got.body += piece
                left -= len(piece)

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _start_chunks(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _stream(self, megabytes: int) -> None:
        self._start_chunks()
        for number in range(megabytes):
            self._chunk(bytes([number % 256]) * 1_000_000)
        self.wfile.write(b"0\r\n\r\n")

    def _watch(self) -> None:
        watch = Watch()
        self._start_chunks()
        leaving = threading.Thread(target=self._see_leaving, args=(watch,), daemon=True)
        leaving.start()
        self.api.watches.put(watch)
        while (event := watch.events.get()) is not None:
            self._chunk(event)
        if not watch.left.is_set():
            self.wfile.write(b"0\r\n\r\n")
            self.close_connection = True

    def _see_leaving(self, watch: Watch) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.rfile.read(1)
        watch.left.set()
        watch.events.put(None)

    def _tunnel(self) -> None:
        if self.path.endswith("/forbidden"):
            self._send(HTTPStatus.FORBIDDEN, b"{}")
            return
        self.send_response(HTTPStatus.SWITCHING_PROTOCOLS)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", self.headers["Upgrade"])
        self.end_headers()
        while line := self.rfile.readline():
            self.api.said.put(line)
            if not self.path.endswith("/deaf"):
                self.wfile.write(line.upper())
            if line == b"bye\n":
                break
        self.close_connection = True
