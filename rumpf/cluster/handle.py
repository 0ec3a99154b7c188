"""A cluster that is up, as a caller holds it."""

import contextlib
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rumpf.cluster import control, ownership
from rumpf.cluster.containerd import load_image, pull_image
from rumpf.cluster.interpreter import python
from rumpf.cluster.layout import INSIDE, Link
from rumpf.cluster.machine import root_prefix
from rumpf.cluster.remains import RECORD, leave_nothing
from rumpf.cluster.session import Session
from rumpf.cluster.spec import Nodes
from rumpf.errors import ClusterError, ImageError, NoSuchCluster, UsageError
from rumpf.paths import cluster_dir, clusters_dir, is_cluster_name

_DOWN_PATIENCE = 15.0
_ANSWER_PATIENCE = 3.0
"""A supervisor does one thing at a time, each in a moment: one that is silent for so long hangs."""


@dataclass(frozen=True)
class ComponentStatus:
    """How one component of a cluster is."""

    name: str
    state: str
    pid: int | None
    """Its process id, as this machine sees it."""
    restarts: int
    age: float
    memory: int
    """Resident, in bytes."""


@dataclass(frozen=True)
class Cluster:
    """A cluster that is up. Values are as it was made; `status` asks it how it is."""

    name: str
    nodes: Nodes
    kubernetes: str
    url: str
    supervisor: int
    binaries: dict[str, str]
    created: float
    link: int | None
    """The number of its wire to the machine; None where it runs on the machine's loopback."""
    folder: Path
    """Its folder in the cache, wherever the environment says that the cache is by now."""
    _session: Session | None = field(default=None, repr=False, compare=False)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, readable by its owner alone."""
        return self.folder / "kubeconfig"

    @property
    def machine_address(self) -> str | None:
        """This machine's address as the cluster's own world reaches it; None where it has no world."""
        return None if self.link is None else Link(self.link).machine

    def kubectl(self, *arguments: str) -> list[str]:
        """The command that runs kubectl as its administrator; what kubectl caches is gone with the cluster.

        Run it in `environment.direct()`.
        """
        access = (f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.folder / 'kubectl'}")
        return [self.binaries["kubectl"], *access, *arguments]

    def status(self) -> tuple[ComponentStatus, ...]:
        """Ask it how its components are."""
        answer = control.ask(self.folder, {"do": "status"})
        on_machine = {} if self.nodes != "real" else _pids_of_world(self.supervisor)
        return tuple(_status(component, on_machine) for component in answer["components"])

    def order(self, do: str, component: str) -> None:
        """`kill` (it starts again), `hold` (killed, stays down), `freeze` or `release` a component."""
        control.ask(self.folder, {"do": do, "component": component})

    def log(self, component: str) -> Path:
        """The log file of a component."""
        path = self.folder / "logs" / f"{component}.log"
        if not path.exists():
            known = sorted(file.stem for file in path.parent.glob("*.log"))
            raise UsageError(
                f"there is no log of {component!r}", remedy=f"there are: {', '.join(known)}", where=self.name
            )
        return path

    def enter(self, argv: Sequence[str], *, network: bool = True) -> list[str]:
        """The command that runs `argv` in the cluster's own world (processes, mounts, and its network)."""
        self._needs_node("has no world of its own to enter: its API server is on this machine")
        path = f"{INSIDE}/bin:{os.environ.get('PATH', os.defpath)}"
        world = ("mount", "pid", "ipc", "uts", *(["net"] if network else []))
        enter = ["nsenter", f"--target={self.supervisor}", *(f"--{each}" for each in world)]
        return [*(root_prefix() or ()), *enter, "--", "env", f"PATH={path}", *argv]

    def load(self, archive: Path) -> None:
        """Put an image archive (docker or OCI) into the node."""
        self._needs_node("runs no images: its Pods are simulated")
        try:
            with archive.open("rb") as stream:
                self._into_node(load_image({"ctr": f"{INSIDE}/bin/ctr"}, "-"), str(archive), stream=stream)
        except OSError as error:
            raise ImageError(
                f"cannot read it: {error.strerror}", remedy="check the path", where=str(archive)
            ) from None

    def pull(self, reference: str) -> None:
        """Fetch an image from its registry into the node.

        The cluster has no way out, so this machine's network is used, and no registry's password.
        """
        self._needs_node("runs no images: its Pods are simulated")
        self._into_node(pull_image({"ctr": f"{INSIDE}/bin/ctr"}, reference), reference)

    def _into_node(self, argv: Sequence[str], what: str, stream: IO[bytes] | None = None) -> None:
        command = self.enter(argv, network=stream is not None)
        done = subprocess.run(
            command, stdin=stream or subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["it does not say why"]
            raise ImageError(
                f"the node does not take it: {said[-1]}",
                remedy="is it an image archive (rumpf image build, docker save, podman save)?"
                if stream
                else "is the name right, and the registry reachable from here? "
                "Otherwise fetch it elsewhere (docker save) and load the archive",
                where=what,
            )

    def _needs_node(self, otherwise: str) -> None:
        if self.nodes != "real":
            raise UsageError(
                f"a cluster with {self.nodes} nodes {otherwise}", remedy="use --nodes real", where=self.name
            )

    def down(self) -> None:
        """End it and wait until nothing of it is left."""
        try:
            control.ask(self.folder, {"do": "down"}, patience=_ANSWER_PATIENCE)
        except NoSuchCluster:
            raise
        except ClusterError:
            # It hangs. Its guard cleans up after a supervisor that is dead.
            kill = [
                *((root_prefix() or ()) if self.nodes == "real" else ()),
                "kill",
                "-KILL",
                str(self.supervisor),
            ]
            subprocess.run(kill, capture_output=True, check=False)
        if not ownership.wait_until_free(self.folder, _DOWN_PATIENCE):
            raise ClusterError(
                f"it is not gone after {_DOWN_PATIENCE:.0f} s",
                remedy=f"kill its guard and supervisor (process {self.supervisor}), then run this again",
                where=self.name,
            )
        if self._session:
            self._session.ended()

    def keep(self) -> None:
        """Let it outlive this process."""
        if self._session:
            self._session.release()


def attach(name: str) -> Cluster:
    """The cluster of that name, which somebody else brought up."""
    folder = cluster_dir(name)
    if not ownership.is_taken(folder):
        swept = sweep(folder)
        others = ", ".join(each.name for each in clusters())
        raise NoSuchCluster(
            "no such cluster is up" + (" (remains of a dead one were removed)" if swept else ""),
            remedy=f"{f'up now: {others}' if others else 'none is up'}; rumpf cluster up starts one",
            where=name,
        )
    return _recorded(folder)


def _recorded(folder: Path) -> Cluster:
    try:
        return from_record(json.loads((folder / RECORD).read_text()))
    except (OSError, ValueError, KeyError):
        # KeyError: no cluster, but the state that clusters start from; it is being made just now.
        raise NoSuchCluster(
            "it is only just coming up or going down", remedy="wait a second and try again", where=folder.name
        ) from None


def from_record(record: dict[str, Any], session: Session | None = None) -> Cluster:
    """The cluster that a guard's record tells of."""
    return Cluster(
        name=record["name"],
        nodes=record["nodes"],
        kubernetes=record["kubernetes"],
        url=record["url"],
        supervisor=record["supervisor"],
        binaries=record["binaries"],
        created=record["created"],
        link=record["link"],
        folder=cluster_dir(record["name"]),
        _session=session,
    )


def clusters() -> tuple[Cluster, ...]:
    """Every cluster that is up; remains of dead ones are removed."""
    found: list[Cluster] = []
    # A cluster has a folder and a lock; of one whose processes were killed either may be left.
    for name in sorted(filter(is_cluster_name, {path.stem for path in clusters_dir().glob("*")})):
        folder = cluster_dir(name)
        if not ownership.is_taken(folder):
            sweep(folder)
            continue
        with contextlib.suppress(NoSuchCluster):
            found.append(_recorded(folder))
    return tuple(found)


def sweep(folder: Path) -> bool:
    """Remove what is left where guard and supervisor were both killed; True where there was something."""
    there = folder.exists()
    if not there and not ownership.lock_path(folder).exists():
        return False
    with ownership.taken(folder) as lock:
        if lock is None:
            return False
        leave_nothing(folder)
        if folder.exists() and (root := root_prefix()):
            subprocess.run([*root, *python("rumpf.cluster.remains"), str(folder)], check=False)
        return there


def _status(answer: dict[str, Any], on_machine: dict[int, int]) -> ComponentStatus:
    pid = answer["pid"]
    if pid is not None and on_machine:
        pid = on_machine.get(pid)
    return ComponentStatus(
        name=answer["name"],
        state=answer["state"],
        pid=pid,
        restarts=answer["restarts"],
        age=answer["age"],
        memory=resident(pid) if pid else 0,
    )


def _pids_of_world(supervisor: int) -> dict[int, int]:
    """From the ids that a world's processes have inside to the ones that they have out here."""
    found: dict[int, int] = {}
    for pid in _children(supervisor):
        for line in _read(f"/proc/{pid}/status").splitlines():
            if line.startswith("NSpid:"):
                found[int(line.split()[-1])] = pid
    return found


def _children(pid: int) -> list[int]:
    return [int(child) for child in _read(f"/proc/{pid}/task/{pid}/children").split()]


def resident(pid: int) -> int:
    """Resident memory of a process, in bytes; 0 where it is gone."""
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
