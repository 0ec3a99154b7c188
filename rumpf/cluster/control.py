"""The wire between a cluster's supervisor and whoever gives it orders: one JSON line each way.

The socket lies in the cluster's folder, which only its owner can enter. It is reached through a
handle of the folder: the path of a unix socket may not be longer than 107 bytes, a cache's may.
"""

import json
import os
import socket
from pathlib import Path
from typing import Any

from rumpf.errors import ClusterError, NoSuchCluster

SOCKET = "control.sock"
_PATIENCE = 15.0

Message = dict[str, Any]


def listen() -> socket.socket:
    """Listen in the current folder, which is the cluster's."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    server.bind(SOCKET)
    server.listen(16)
    server.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return server


def ask(folder: Path, request: Message) -> Message:
    """Send one order to the cluster in `folder` and return its answer."""
    try:
        handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    except FileNotFoundError:
        raise _gone(folder) from None
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(_PATIENCE)
            client.connect(f"/proc/self/fd/{handle}/{SOCKET}")
            client.sendall(json.dumps(request).encode() + b"\n")
            answer = _read_line(client)
    except (FileNotFoundError, ConnectionError):
        raise _gone(folder) from None
    except TimeoutError:
        raise ClusterError(
            f"the cluster does not answer to {request.get('do')!r} within {_PATIENCE:.0f} s",
            remedy="rumpf cluster down ends it all the same",
            where=folder.name,
        ) from None
    finally:
        os.close(handle)
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
