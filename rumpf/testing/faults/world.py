"""The inside of an embedded cluster, as the faults see it: commands run there, API objects read, waits."""

import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from rumpf.errors import FaultError

if TYPE_CHECKING:
    from rumpf.cluster import Cluster

_A_MOMENT = 30.0
_POLL = 0.05
_OK = 200


class World:
    """One embedded cluster with a real node."""

    def __init__(self, cluster: "Cluster") -> None:
        self.cluster = cluster

    def run(self, program: str, *arguments: str, given: str | None = None) -> str:
        """Run a program of this machine inside of the cluster; return what it printed."""
        command = self.command(program, *arguments)
        try:
            done = subprocess.run(
                command,
                input=given,
                stdin=subprocess.DEVNULL if given is None else None,
                capture_output=True,
                text=True,
                check=False,
                timeout=_A_MOMENT,
            )
        except subprocess.TimeoutExpired:
            raise FaultError(
                f"not done after {_A_MOMENT:.0f} s: {program} {' '.join(arguments)}",
                remedy="is the machine very busy? try again",
                where=self.cluster.name,
            ) from None
        if done.returncode:
            raise FaultError(
                f"{program} {' '.join(arguments)}: {done.stderr.strip() or f'exit code {done.returncode}'}",
                remedy=f"try it by hand: rumpf cluster exec --name {self.cluster.name} {program} ...",
                where=self.cluster.name,
            )
        return done.stdout

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return the command that runs a program there."""
        return self.cluster.enter([self._found(program), *arguments])

    def get(self, path: str) -> Mapping[str, Any] | None:
        """Return an object of the API; None where there is none."""
        from rumpf.cluster.client import ApiClient

        # Not kept open: the API server may have been killed since.
        with closing(ApiClient(self.cluster.kubeconfig.read_text())) as api:
            try:
                status, answer = api.request("GET", path)
            except (OSError, HTTPException) as error:
                raise FaultError(
                    f"the API server does not answer: {error}",
                    remedy="a fault of a Pod needs it: begin that one before the API server's own",
                    where=self.cluster.name,
                ) from None
        return answer if status == _OK else None

    def _found(self, program: str) -> str:
        # In the cluster's own folder of binaries (ctr), or a path already.
        if program == "ctr" or "/" in program:
            return program
        from rumpf.cluster.assets import Assets

        # The tools' folder has what this machine lacks, so it comes last.
        return shutil.which(program) or shutil.which(program, path=str(Assets().tools())) or program


def wait_until(fulfilled: Callable[[], bool], what: str, *, seconds: float, where: str) -> None:
    """Wait for a condition; raise FaultError, with `what` was waited for, where it is not met in time."""
    deadline = time.monotonic() + seconds
    while not fulfilled():
        if time.monotonic() > deadline:
            raise FaultError(
                f"{what}: not so after {seconds:.0f} s",
                remedy="run the tests with --keep-cluster, and see rumpf cluster status and logs",
                where=where,
            )
        time.sleep(_POLL)
