"""The owner's side of the wire to a guard: what is said to it, and what it tells.

A session that is not released ends its cluster when it is closed, or when this process dies.
"""

import contextlib
import errno
import json
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from rumpf.cluster import ownership
from rumpf.cluster.interpreter import python
from rumpf.cluster.machine import root_prefix
from rumpf.cluster.plan import Phase, Plan
from rumpf.cluster.setup import Setup
from rumpf.errors import ClusterError, ClusterExists, ComponentDied

_LINES_SHOWN = 12
_FAREWELL = 10.0
_NO_ROOM_LEFT = frozenset((errno.ENOSPC, errno.EDQUOT))
_A_LITTLE = 64 * 1024
_NO_ROOM = os.strerror(errno.ENOSPC).lower()


class Taken(Exception):
    """A port or a wire that was free is not any more."""


def refused(error: OSError, name: str) -> ClusterError:
    """Say what to do about a file that cannot be written, or read."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    full = error.errno in _NO_ROOM_LEFT
    mend = "free some room there" if full else "see that it is yours to read and write"
    return ClusterError(
        f"{error.filename or 'this machine'}: {reason}",
        remedy=f"{mend}; RUMPF_CACHE names another place for all that rumpf writes",
        where=name,
    )


class Session:
    """A guard, and through it a cluster, that this process started."""

    def __init__(self, setup: Setup) -> None:
        self._folder = Path(setup.folder)
        self._name = self._folder.name
        self._pending = b""
        self.released = False
        self._foreign = False
        prefix = (root_prefix() or ()) if setup.link is not None else ()
        # An interrupt waits until there is somebody to end the guard.
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            guard = subprocess.Popen(
                [*prefix, *python("rumpf.cluster.guard")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._guard = guard
            self._orders, self._events = cast("IO[bytes]", guard.stdin), cast("IO[bytes]", guard.stdout)
            try:
                signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
                self._send(setup.to_line())
            except BaseException:
                self.close()
                raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)

    def carry_out(self, plan: Plan) -> None:
        """Send the plan; the components start."""
        self._send(json.dumps(plan.to_json()) + "\n")

    def reached(self, phase: Phase) -> None:
        """Say how far the API server is: what waits for that starts."""
        self._send(f"{phase}\n")

    def settle(self) -> None:
        """Say that it is ready: from now on a dead component is started again for as long as it takes."""
        self._send("settled\n")

    def release(self) -> None:
        """Let the cluster outlive this process."""
        self._send("release\n")
        self.released = True

    def check(self, seconds: float) -> None:
        """Hear what the guard tells for so long; raise where the cluster cannot come up."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([self._events], [], [], left)
            if not ready:
                return
            piece = os.read(self._events.fileno(), 65536)
            if not piece:
                raise ClusterError(
                    "its guard ended before the cluster was ready",
                    remedy="try again; if it stays so, run with --nodes fake and report it",
                    where=self._name,
                )
            *lines, self._pending = (self._pending + piece).split(b"\n")
            for line in lines:
                self._hear(json.loads(line))

    def _hear(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "taken":
            self._foreign = True
            raise ClusterExists(
                "a cluster of this name is up already",
                remedy=f"rumpf cluster down --name {self._name}, or choose another --name",
                where=self._name,
            )
        if kind == "link-taken" or (kind in ("died", "failed") and "address already in use" in event["tail"]):
            raise Taken
        if kind == "failed" and (number := event.get("errno")):
            raise refused(OSError(number, "", event["file"]), self._name)
        if kind == "failed" and (
            _NO_ROOM in f"{event['exit']}\n{event['tail']}".lower() or self._disk_is_full()
        ):
            raise refused(OSError(errno.ENOSPC, "", str(self._folder)), self._name)
        if kind == "failed":
            tail = "\n".join(event["tail"].strip().splitlines()[-_LINES_SHOWN:])
            raise ComponentDied(
                f"{event['component']} does not start: {event['exit']}" + (f"\n{tail}" if tail else ""),
                remedy="the last lines of its log are above; rumpf cluster assets shows which binary runs",
                where=self._name,
            )

    def _disk_is_full(self) -> bool:
        # Then a component could not even write why it failed.
        with contextlib.suppress(OSError):
            return shutil.disk_usage(self._folder.parent).free < _A_LITTLE
        return False

    def close(self) -> None:
        """End the cluster, unless it was released, and wait until nothing of it is left."""
        if not self.released:
            # Said, too: whatever this process has forked meanwhile may hold the pipe open.
            self._send("end\n")
        with contextlib.suppress(OSError):
            self._orders.close()
        if not self.released:
            self._bury()
            # A guard that was killed has left the rest to the supervisor.
            if not self._foreign:
                ownership.wait_until_free(self._folder, _FAREWELL)
        self._events.close()
        # A released guard lives on, and is not a leak of ours.
        self._guard.returncode = self._guard.returncode if self._guard.returncode is not None else 0

    def ended(self) -> None:
        """Take note that the cluster was taken down, released or not: nothing of its guard is left either."""
        self._bury()
        self.close()

    def _bury(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._guard.wait(_FAREWELL)

    def __enter__(self) -> Self:
        """Use it as a block: it is closed at the end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _send(self, line: str) -> None:
        if self._orders.closed:
            return
        # A guard that is gone already has said why; that is read elsewhere.
        with contextlib.suppress(BrokenPipeError):
            self._orders.write(line.encode())
            self._orders.flush()
