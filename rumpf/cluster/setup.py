"""What a guard is told before it starts, and the events that it and the supervisor tell its owner."""

import contextlib
import errno
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from rumpf.cluster.layout import INSIDE, Link

_SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


@dataclass(frozen=True)
class Setup:
    """What the guard must know before there is a plan."""

    folder: str
    link: int | None
    """The number of the wire of a cluster with a real node; None for one on the loopback."""
    binaries: dict[str, str]
    path: str
    """The PATH of the components."""
    ip: str
    template: str | None
    """The etcd data to start from."""
    record: dict[str, Any]
    """What `status` tells of the cluster."""
    owner: tuple[int, int] | None = None
    """User and group that the folder belongs to, where the guard was started by sudo."""

    @classmethod
    def world(
        cls,
        folder: Path,
        *,
        link: Link,
        binaries: Mapping[str, str],
        tools: str,
        template: Path,
        record: Mapping[str, Any],
    ) -> Self:
        """For a cluster with a real node, in a world of its own."""
        path = os.pathsep.join(filter(None, [f"{INSIDE}/bin", tools, *_SYSTEM_PATH]))
        ip = shutil.which("ip", path=path) or "ip"
        owner = (os.getuid(), os.getgid()) if os.getuid() else None
        return cls(str(folder), link.index, dict(binaries), path, ip, str(template), dict(record), owner)

    @classmethod
    def hosted(
        cls, folder: Path, binaries: Mapping[str, str], template: Path | None, record: Mapping[str, Any]
    ) -> Self:
        """For a cluster on the machine's loopback."""
        data = str(template) if template else None
        return cls(str(folder), None, dict(binaries), os.pathsep.join(_SYSTEM_PATH), "", data, dict(record))

    def to_line(self) -> str:
        """The setup as a line of JSON."""
        return json.dumps(asdict(self)) + "\n"


def failure(component: str, error: Exception, folder: Path) -> dict[str, Any]:
    """The event that tells why a part of the cluster in `folder` cannot start."""
    reason = f"{type(error).__name__}: {error}"
    event: dict[str, Any] = {"event": "failed", "component": component, "exit": reason, "tail": ""}
    if isinstance(error, OSError) and error.errno and (error.filename or error.errno == errno.ENOSPC):
        # What the machine refuses is a matter of its own, whichever part of the cluster it met.
        event |= {"errno": error.errno, "file": os.fsdecode(error.filename or folder)}
    return event


def say(event: dict[str, Any]) -> None:
    """Tell the owner; nobody may be listening any more."""
    event["at"] = time.time()
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(event).encode() + b"\n")
