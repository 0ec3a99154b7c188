"""Tests against a kind cluster, made and deleted by pytest-kind where a container engine runs."""

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from rumpf.errors import ClusterError, ImageError, ToolMissing
from rumpf.testing.kubectl import Kubectl
from rumpf.testing.running import Backend

if TYPE_CHECKING:
    from rumpf.cluster.spec import Nodes

_ENGINES = {"docker": "docker", "podman": "podman", "nerdctl": "nerdctl"}
_A_MOMENT = 20.0
_ELSEWHERE = "use --cluster embedded, which needs none"


@dataclass(frozen=True)
class KindOptions:
    """What pytest-kind's own options say, all of them optional but the name."""

    name: str
    image: str | None = None
    kind: Path | None = None
    kubectl: Path | None = None


@dataclass(frozen=True)
class Kind:
    """A kind cluster that is up."""

    name: str
    kubeconfig: Path
    kubectl: Path
    program: Path
    """The `kind` that made it."""
    backend: Backend = "kind"
    nodes: "Nodes" = "real"

    @property
    def ended_by(self) -> str:
        """The command that ends it."""
        return f"kind delete cluster --name {self.name}"

    def load(self, archive: Path) -> None:
        """Put an image archive into its nodes."""
        load_archive(
            [str(self.program), "load", "image-archive", str(archive), f"--name={self.name}"], archive
        )


@contextmanager
def kind(options: KindOptions, *, keep: bool) -> Generator[Kind]:
    """Make one for the length of a block, or take the one that was kept; with `keep`, leave it up."""
    check_engine()
    try:
        from pytest_kind import KindCluster  # pyright: ignore[reportMissingTypeStubs]
    except ImportError:
        raise ToolMissing(
            "pytest-kind, which makes kind clusters, is not installed",
            remedy="pip install 'rumpf[testing]'",
            where="--cluster kind",
        ) from None
    program, kubectl = options.kind or _on_path("kind"), options.kubectl or _on_path("kubectl")
    made = cast(
        "_KindCluster",
        KindCluster(options.name, image=options.image, kind_path=program, kubectl_path=kubectl),
    )
    try:
        made.ensure_kubectl()
        made.create()
    except (OSError, subprocess.CalledProcessError) as error:
        raise ClusterError(
            f"kind does not make a cluster: {error}",
            remedy=f"what it said is above; try it by hand: kind create cluster --name {options.name}; or "
            + _ELSEWHERE,
            where="--cluster kind",
        ) from error
    running = Kind(
        options.name, made.kubeconfig_path.absolute(), Path(made.kubectl_path), Path(made.kind_path)
    )
    try:
        everybody = Kubectl(running.kubectl, running.kubeconfig)
        everybody("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=120s", timeout=130)
        yield running
    finally:
        if not keep:
            made.delete()


class _KindCluster(Protocol):
    """As much of pytest-kind, which has no types, as is used."""

    kubeconfig_path: Path
    kubectl_path: Path
    kind_path: Path

    def ensure_kubectl(self) -> None:
        """Download a kubectl where there is none."""
        ...

    def create(self) -> None:
        """Make the cluster, or take the one of that name."""
        ...

    def delete(self) -> None:
        """End it."""
        ...


def check_engine() -> None:
    """Refuse, saying what is missing, where no container engine runs that kind could use."""
    wanted = os.environ.get("KIND_EXPERIMENTAL_PROVIDER", "docker")
    engine = _ENGINES.get(wanted, "docker")
    if shutil.which(engine) is None:
        raise ToolMissing(
            f"kind runs its nodes in {engine}, and there is no {engine} on PATH",
            remedy=f"install and start it, or {_ELSEWHERE}",
            where="--cluster kind",
        )
    try:
        done = subprocess.run([engine, "info"], capture_output=True, check=False, timeout=_A_MOMENT)
        runs = done.returncode == 0
        said = (done.stderr.strip() or done.stdout.strip()).decode(errors="replace").rpartition("\n")[2]
    except subprocess.TimeoutExpired:
        runs, said = False, f"no answer within {_A_MOMENT:.0f} s"
    if not runs:
        raise ToolMissing(
            f"kind runs its nodes in {engine}, and that does not work here: {said or 'it gives no reason'}",
            remedy=f"start its engine (try: {engine} info), or {_ELSEWHERE}",
            where="--cluster kind",
        )


def load_archive(command: list[str], archive: Path) -> None:
    """Run a command that loads an image archive; say what it said where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise ImageError(
            f"the cluster does not take it: {done.stderr.strip() or done.stdout.strip()}",
            remedy="is it an image archive (docker save, podman save, rumpf image build)?",
            where=str(archive),
        )


def _on_path(program: str) -> Path | None:
    found = shutil.which(program)
    return Path(found) if found else None
