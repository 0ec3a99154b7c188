"""What this machine allows: a real node, or fake ones, and why."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from rumpf.cluster import cgroups
from rumpf.cluster.spec import Nodes
from rumpf.errors import ClusterError, NodeUnsupported

_ELSEWHERE = "use --nodes fake (Pods are simulated), or a kind cluster with --cluster existing"

_WORLD = ("unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--mount-proc")


@cache
def root_prefix() -> tuple[str, ...] | None:
    """What turns a command into root's: nothing for root, sudo where it asks nothing, else None."""
    if os.geteuid() == 0:
        return ()
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return (sudo, "-n")
    return None


def check_machine() -> None:
    """Refuse where not even a control plane can run."""
    if not sys.platform.startswith("linux"):
        raise ClusterError(
            f"an embedded cluster needs Linux, and this is {sys.platform}",
            remedy="use a kind cluster (tests: --cluster kind), or work in a Linux container",
        )


def check_real_node() -> None:
    """Refuse, with the reason, where this machine cannot run a real node."""
    if root_prefix() is None:
        raise NodeUnsupported(
            "a real node needs root (or a sudo that asks no password): it makes namespaces and mounts",
            remedy=f"run it as root, or {_ELSEWHERE}",
        )
    if not cgroups.available():
        raise NodeUnsupported(
            "no control groups that can be written are mounted at /sys/fs/cgroup",
            remedy=f"mount them (in a container: --privileged --cgroupns=private), or {_ELSEWHERE}",
        )
    if reason := _refusal(root_prefix() or ()):
        raise NodeUnsupported(
            f"root may not make namespaces and mounts here ({reason})",
            remedy=f"in a container: --privileged --cgroupns=private; or {_ELSEWHERE}",
        )


@cache
def _refusal(root: tuple[str, ...]) -> str:
    """Why root is refused a world like the one of a node; found out by making one for a moment (5 ms).

    Being root says little: in a container, root lacks what this takes. Nothing where the machine has
    no `unshare` to ask with: then the node itself is the first to try.
    """
    try:
        done = subprocess.run([*root, *_WORLD, "true"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return said[-1] if done.returncode else ""


def snapshotter(folder: Path) -> str:
    """How containerd is to stack image layers below `folder`: overlays, but an overlay takes no overlay.

    (That is where this runs in a container itself; then layers are copied, which takes more disk.)
    """
    folder = next(parent for parent in (folder, *folder.parents) if parent.exists()).resolve()
    kind, depth = "", -1
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        point = Path(before.split()[4].replace("\\040", " "))
        # Of two mounts at one place the later one is seen.
        if folder.is_relative_to(point) and len(point.parts) >= depth:
            kind, depth = after.split()[0], len(point.parts)
    return "native" if kind == "overlay" else "overlayfs"


def best_nodes() -> tuple[Nodes, str]:
    """The most real nodes that this machine allows, and why they are not real where they are not."""
    try:
        check_real_node()
    except NodeUnsupported as error:
        return "fake", error.what
    return "real", ""
