"""The wire between a cluster's supervisor and whoever gives it orders: one JSON line each way.

The socket lies in the cluster's folder, which only its owner can enter. It is reached through a
handle of the folder: the path of a unix socket may not be longer than 107 bytes, a cache's may.
"""

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from rumpf.errors import ClusterError, NoSuchCluster

SOCKET = "control.sock"
_PATIENCE = 15.0
_PAUSE = 0.01
_LONGEST_QUESTION = 1024 * 1024

Message = dict[str, Any]


def listen() -> socket.socket:
    """Listen in the current folder, which is the cluster's."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    server.bind(SOCKET)
    server.listen(16)
    server.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return server


class Caller:
    """Somebody at the supervisor's end who has not finished the question yet; never waited for."""

    def __init__(self, client: socket.socket) -> None:
        client.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self.client = client
        self.since = time.monotonic()
        self._heard = bytearray()

    def question(self) -> bytes | None:
        """The question; None for as long as it is not finished. OSError where it never will be."""
        while b"\n" not in self._heard:
            try:
                piece = self.client.recv(65536)
            except BlockingIOError:
                return None
            if not piece:
                break
            self._heard += piece
            if len(self._heard) > _LONGEST_QUESTION:
                raise OSError("no question is that long")
        return bytes(self._heard).partition(b"\n")[0]

    def answer(self, reply: Message) -> None:
        """Answer; it is short enough to fit without waiting."""
        self.client.sendall(json.dumps(reply).encode() + b"\n")


def ask(folder: Path, request: Message, patience: float | None = None) -> Message:
    """Send one order to the cluster in `folder` and return its answer.

    Raises NoSuchCluster where nobody is there, and ClusterError where somebody does not answer in time.
    """
    patience = _PATIENCE if patience is None else patience
    try:
        answer = _converse(folder, json.dumps(request).encode() + b"\n", patience)
    except (FileNotFoundError, NotADirectoryError, ConnectionError):
        raise _gone(folder) from None
    except PermissionError:
        raise ClusterError(
            f"{folder} is not yours to enter",
            remedy="a cluster obeys whoever brought it up: become that user, or choose another --name",
            where=folder.name,
        ) from None
    except TimeoutError:
        raise ClusterError(
            f"the cluster does not answer to {request.get('do')!r} within {patience:.0f} s",
            remedy="rumpf cluster down ends it all the same",
            where=folder.name,
        ) from None
    if not answer:
        raise _gone(folder)
    try:
        reply: Message = json.loads(answer)
    except ValueError:
        raise ClusterError(
            f"the cluster's answer to {request.get('do')!r} makes no sense: {answer[:60]!r}",
            remedy="it may be going down just now; if not: rumpf cluster down, then up again",
            where=folder.name,
        ) from None
    if "error" in reply:
        raise ClusterError(reply["error"], remedy=reply["remedy"], where=folder.name)
    return reply


def _converse(folder: Path, question: bytes, patience: float) -> bytes:
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(patience)
            _connect(client, f"/proc/self/fd/{handle}/{SOCKET}", time.monotonic() + patience)
            client.sendall(question)
            return _read_line(client)
    finally:
        os.close(handle)


def _connect(client: socket.socket, path: str, deadline: float) -> None:
    while True:
        try:
            client.connect(path)
        except BlockingIOError:
            # Others wait for an answer already, as many as may.
            if time.monotonic() > deadline:
                raise TimeoutError from None
            time.sleep(_PAUSE)
        else:
            return


def _read_line(client: socket.socket) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        if not (piece := client.recv(65536)):
            break
        received += piece
    return bytes(received)


def _gone(folder: Path) -> NoSuchCluster:
    return NoSuchCluster(
        "no such cluster is up",
        remedy="rumpf cluster status lists what is up; rumpf cluster up starts one",
        where=folder.name,
    )
