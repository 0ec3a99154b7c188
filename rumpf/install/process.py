"""Starts the process of an operator here, as its own ServiceAccount, and passes signals on to it."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rumpf.cluster.environment import direct
from rumpf.manifests import Options
from rumpf.manifests.granting import variables_of
from rumpf.manifests.naming import module_of
from rumpf.manifests.workload import settings_of
from rumpf.operator import Operator

_GRACE = 25.0
_LONGEST_LINE = 2**20


class OperatorChild:
    """A process that has imported all it can, and starts when it is told to."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.stopping = False
        """Whether it was asked to end."""

    @classmethod
    async def prepare(
        cls, operator: Operator, environment: Mapping[str, str], *, captured: bool = False
    ) -> Self:
        """Have it import what it needs. What it prints goes where ours goes, unless it is `captured`."""
        command = (sys.executable, "-m", "rumpf.install.child", module_of(operator))
        return cls(
            await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=PIPE if captured else None,
                stderr=STDOUT if captured else None,
                env=dict(environment),
                limit=_LONGEST_LINE,
                # What is typed at the terminal reaches us, and from us the child: once, and in order.
                process_group=0,
            )
        )

    def start(self) -> None:
        """Have it begin. Its kubeconfig must be there by now."""
        if self._process.stdin is not None and self._process.returncode is None:
            self._process.stdin.write(b"start\n")

    async def lines(self) -> AsyncIterator[str]:
        """Yield what it prints, if that is captured."""
        if self._process.stdout is None:
            return
        while True:
            try:
                line = await self._process.stdout.readline()
            except ValueError:
                continue  # longer than anybody reads
            if not line:
                return
            yield line.decode(errors="replace").rstrip("\n")

    def pass_on(self, number: int) -> None:
        """Send it a signal, if it is still there."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def wait(self) -> int:
        """Return its exit code, as a shell tells it: one that a signal has ended gives 128 and its number."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    async def stop(self) -> None:
        """End it, in order if it can."""
        self.stopping = True
        if self._process.returncode is not None:
            return
        self.pass_on(signal.SIGTERM)
        try:
            async with asyncio.timeout(_GRACE):
                await self._process.wait()
        except TimeoutError:
            self.pass_on(signal.SIGKILL)
            await self._process.wait()


@dataclass(frozen=True)
class Seat:
    """Where an operator's process has its place: what differs from that of its Pod."""

    root: Path
    """The project's folder."""
    namespace: str
    kubeconfig: Path
    http: str
    """Where metrics and probes are served."""

    def environment(self, operator: Operator, options: Options) -> dict[str, str]:
        """Return the environment of the process: what its Pod would have, and a kubeconfig."""
        path = os.pathsep.join(filter(None, (str(self.root), os.environ.get("PYTHONPATH"))))
        return {
            **direct(),
            **settings_of(operator, options.settings),
            **variables_of(operator, options),
            "KUBECONFIG": str(self.kubeconfig),
            "POD_NAME": _here(),
            "POD_NAMESPACE": self.namespace,
            "PYTHONPATH": path,
            "PYTHONUNBUFFERED": "1",
            # Never two at work, whoever else runs it: here, in the cluster, on another machine.
            "RUMPF_LEADER_ELECTION": "1",
            "RUMPF_LOG_FORMAT": "text",
            "RUMPF_HTTP": self.http,
            "WATCH_NAMESPACE": ",".join(options.watch),
        }


def _here() -> str:
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}-at-{socket.gethostname()}"
