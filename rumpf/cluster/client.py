"""The few requests that bringing a cluster up takes: a kept-alive, verified connection and JSON.

Not a Kubernetes client: no retries, no types. Standard library only, because it is on
the path of every `rumpf cluster up`.
"""

import base64
import http.client
import json
import os
import ssl
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]


class ApiClient:
    """One connection to the API server that a kubeconfig of ours names."""

    def __init__(self, kubeconfig: str, timeout: float | None = 5.0) -> None:
        config = json.loads(kubeconfig)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        url = urlsplit(cluster["server"])
        self._context = _context(cluster, user)
        self._connection = http.client.HTTPSConnection(
            url.hostname or "", url.port, context=self._context, timeout=timeout
        )

    def request(self, method: str, path: str, body: object = None) -> tuple[int, Json]:
        """Send one request; the status and the JSON of the answer (or its text as `message`)."""
        data = None if body is None else json.dumps(body).encode()
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        try:
            self._connection.request(method, path, data, {"Content-Type": kind, "Accept": "application/json"})
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, {"message": text.decode(errors="replace")}

    def watch(self, collection: str) -> Iterator[Json]:
        """Watch a collection from now on, until the API server ends it."""
        self._connection.request("GET", f"{collection}?watch=true", headers={"Accept": "application/json"})
        response = self._connection.getresponse()
        while line := response.readline():
            yield json.loads(line)

    def status(self, path: str) -> int:
        """The status of a GET; 0 where nobody answers."""
        try:
            return self.request("GET", path)[0]
        except (OSError, http.client.HTTPException):
            return 0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _context(cluster: Mapping[str, str], user: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=_text(cluster["certificate-authority-data"]))
    load_chain(context, _text(user["client-certificate-data"]), _text(user["client-key-data"]))
    return context


def load_chain(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Load a certificate and its key, both PEM, from memory.

    The ssl module reads them from a file only: this one is in memory too, and nobody else's.
    """
    with os.fdopen(os.memfd_create("credentials"), "w") as file:
        file.write(f"{certificate.rstrip()}\n{key}")
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")


def _text(data: str) -> str:
    return base64.b64decode(data).decode()
