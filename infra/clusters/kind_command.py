"""The `kind` command: what it is asked, and what its failures mean."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rumpf.errors import ClusterError, ImageError, ToolMissing

_A_MOMENT = 60.0
_TO_LOAD = 600.0
_BEYOND_WAIT = 600.0
"""To pull the image of the nodes, before kind begins to wait for them."""


class Kind:
    """The `kind` on PATH. No kubeconfig of a person's is read or written."""

    def clusters(self) -> list[str]:
        """Return the names of the clusters that there are."""
        return self._run("get", "clusters").split()

    def has(self, name: str) -> bool:
        """Whether there is a cluster of that name, with a node at least."""
        # A cluster whose containers somebody removed is listed by none of them; kind says so on stderr.
        return name in self.clusters() and bool(self._run("get", "nodes", "--name", name).split())

    def kubeconfig(self, name: str) -> str:
        """Return the kubeconfig of a cluster."""
        return self._run("get", "kubeconfig", "--name", name)

    def create(self, name: str, config: str, wait: int) -> None:
        """Make a cluster, and wait until its nodes are Ready. One that does not come up is deleted again."""
        with self._own_kubeconfig() as kubeconfig:
            self._run(
                *("create", "cluster", "--name", name, "--config", "-", "--wait", f"{wait}s"),
                *("--kubeconfig", kubeconfig),
                given=config,
                seconds=wait + _BEYOND_WAIT,
            )

    def delete(self, name: str) -> None:
        """Delete a cluster; nothing happens if there is none."""
        with self._own_kubeconfig() as kubeconfig:
            self._run("delete", "cluster", "--name", name, "--kubeconfig", kubeconfig, seconds=_TO_LOAD)

    def load(self, name: str, archive: str) -> None:
        """Put the image in an archive into all nodes of a cluster."""
        try:
            self._run("load", "image-archive", archive, "--name", name, seconds=_TO_LOAD)
        except ClusterError as error:
            raise ImageError(error.what, remedy="is it an image archive?", where=archive) from error

    def _run(self, *words: str, given: str = "", seconds: float = _A_MOMENT) -> str:
        program = shutil.which("kind")
        if program is None:
            raise ToolMissing(
                "there is no `kind` on PATH",
                remedy="install it, or take another cluster: pulumi config set rumpf:cluster existing",
                where="rumpf:cluster",
            )
        shown = f"kind {' '.join(words[:2])}"
        try:
            done = subprocess.run(
                [program, *words], input=given, capture_output=True, text=True, check=False, timeout=seconds
            )
        except subprocess.TimeoutExpired as error:
            raise ClusterError(
                f"not done after {seconds:.0f} s",
                where=shown,
                remedy="does its container engine run? (docker info)",
            ) from error
        if done.returncode:
            raise ClusterError(
                done.stderr.strip() or done.stdout.strip() or f"it ended with {done.returncode}",
                where=shown,
                remedy="does its container engine run? (docker info)",
            )
        return done.stdout

    @contextmanager
    def _own_kubeconfig(self) -> Iterator[str]:
        """Have kind write its context where nobody looks, instead of into the person's own file."""
        with tempfile.TemporaryDirectory(prefix="rumpf-kind-") as folder:
            path = Path(folder) / "config"
            path.touch(mode=0o600)
            yield os.fspath(path)
