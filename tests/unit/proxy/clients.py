"""Clients of the proxy: one that asks politely, one that sends raw bytes."""

import base64
import http.client
import json
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

MAPS = "/api/v1/namespaces/here/configmaps"
WATCH = f"{MAPS}?watch=true"
PATIENCE = 10.0


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body, read."""
        read: dict[str, Any] = json.loads(self.body)
        return read


class Client:
    """A client that was given a kubeconfig, and keeps its connection."""

    def __init__(self, kubeconfig: Path, *, token: str | None = None) -> None:
        config: dict[str, Any] = json.loads(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.context = ssl.create_default_context(cadata=authority)
        self.context.set_alpn_protocols(["h2", "http/1.1"])
        url = urlsplit(str(cluster["server"]))
        self.host, self.port = url.hostname or "", url.port or 0
        self.token: str = config["users"][0]["user"]["token"] if token is None else token
        self.connection = http.client.HTTPSConnection(
            self.host, self.port, context=self.context, timeout=PATIENCE
        )

    def start(self, method: str, path: str, body: bytes | None = None, **headers: str) -> None:
        """Send a request."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        self.connection.request(method, path, body=body, headers=authorization | named)

    def answer(self) -> Answer:
        """Receive an answer."""
        response = self.connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Send a request, receive its answer."""
        self.start(method, path, body, **headers)
        return self.answer()

    def watch(self, path: str = WATCH) -> http.client.HTTPResponse:
        """Open a watch."""
        self.start("GET", path)
        return self.connection.getresponse()

    def raw(self) -> ssl.SSLSocket:
        """Open a connection for raw bytes."""
        plain = socket.create_connection((self.host, self.port), timeout=PATIENCE)
        return self.context.wrap_socket(plain, server_hostname=self.host)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def until(connection: ssl.SSLSocket, end: bytes) -> bytes:
    """Receive until `end`, or until the connection ends."""
    got = b""
    while not got.endswith(end):
        piece = connection.recv(65536)
        if not piece:
            break
        got += piece
    return got
