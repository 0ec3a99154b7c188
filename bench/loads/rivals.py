"""Who is compared: how each is started, and why one cannot be."""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from loads.place import ROOT, Place
from loads.process import Process
from rumpf.cluster.ports import free_port
from rumpf.paths import cache_dir

IMAGE = "docker.io/library/busybox:1.37"
OURS = "rumpf"
_GO_SOURCE = ROOT / "bench/rivals/go"
_IMAGE_HAS = ROOT / "images/operators/requirements.txt"
_NICE = "15"


@dataclass(frozen=True)
class Rival:
    """One way to write the operator."""

    name: str
    command: Callable[[bool], list[str]]
    """Its command; told whether it is one of two that elect a leader."""
    missing: Callable[[], str]
    """Why it cannot be compared; empty where it can."""
    standby: bool = True
    """Whether it can have one."""
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def start(self, where: Place, *, number: int = 0, elect: bool = False) -> Process:
        """Start it. `elect`: as one of several."""
        environment = {
            "KUBECONFIG": str(where.kubeconfig),
            "MESSAGE_IMAGE": IMAGE,
            "RUMPF_HTTP": f"127.0.0.1:{free_port()}",
            "RUMPF_LOG_FORMAT": "json",
            "RUMPF_LEADER_ELECTION": "1" if elect else "0",
            **({"POD_NAMESPACE": "default", "POD_NAME": f"operator-{number}"} if elect else {}),
            **self.environment,
        }
        log = where.logs / f"operator-{number}.log"
        return Process.start(self.command(elect), environment, log, ROOT)


def _ours(_elect: bool) -> list[str]:  # noqa: FBT001 - as every command
    return [str(image_python()), "-m", "rumpf.runtime", "operators.message"]


def _tutorial(_elect: bool) -> list[str]:  # noqa: FBT001 - as every command
    source = str(ROOT / "bench/rivals/tutorial.py")
    return [sys.executable, "-m", "kopf", "run", "--standalone", "--all-namespaces", source]


def _go(*flags: str) -> Callable[[bool], list[str]]:
    return lambda elect: [str(go_binary()), *flags, *(["--leader-elect"] if elect else [])]


def _needs(*modules: str) -> Callable[[], str]:
    def missing() -> str:
        return ", ".join(f"{each} is not installed" for each in modules if not _there(each))

    return missing


def _there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def image_python() -> Path:
    """Return the Python of an environment with what our image has, and nothing else.

    kopf imports the clients that it finds, ours is not to pay for those of the tutorial operator.
    """
    what = _IMAGE_HAS.read_bytes() + sys.version.encode()
    return cache_dir() / "bench" / f"python-{hashlib.sha256(what).hexdigest()[:12]}" / "bin/python"


def _no_python() -> str:
    """Make that environment, if need be."""
    python = image_python()
    if python.exists():
        return ""
    folder = python.parents[1]
    making = folder.with_suffix(f".{os.getpid()}")
    venv.create(making, with_pip=True, symlinks=True)
    pip = [str(making / "bin/python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
    done = subprocess.run([*pip, "-r", str(_IMAGE_HAS)], check=False, capture_output=True, text=True)
    if done.returncode:
        return f"what its image has cannot be installed: {done.stderr.strip().splitlines()[-1]}"
    making.rename(folder)
    return ""


def go_binary(source: Path = _GO_SOURCE) -> Path:
    """Return where the program of a Go rival is kept that is made from its sources as they are."""
    sources = b"".join(each.read_bytes() for each in sorted(source.iterdir()))
    return cache_dir() / "bin" / f"bench-message-{hashlib.sha256(sources).hexdigest()[:12]}"


def no_go(source: Path = _GO_SOURCE) -> str:
    """Build it, if need be: a minute or two the first time, on what processor nobody else wants."""
    binary = go_binary(source)
    if binary.exists():
        return ""
    if not (go := shutil.which("go")):
        return "Go is not on PATH"
    print("building the Go rival", file=sys.stderr)
    command = ["nice", "-n", _NICE, go, "build", "-trimpath", "-ldflags=-s -w", "-o", str(binary), "."]
    binary.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        command,
        cwd=source,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "CGO_ENABLED": "0"},
    )
    return f"it does not build: {done.stderr.strip().splitlines()[-1]}" if done.returncode else ""


RIVALS = {
    rival.name: rival
    for rival in (
        Rival(OURS, _ours, _no_python),
        Rival("tutorial kopf", _tutorial, _needs("kopf", "kubernetes"), standby=False),
        Rival("Go, 1 worker", _go("--workers=1"), no_go),
        Rival("Go, 8 workers", _go("--workers=8"), no_go),
        Rival("Go, 8, follows Ready", _go("--workers=8", "--follow-ready"), no_go),
    )
}
