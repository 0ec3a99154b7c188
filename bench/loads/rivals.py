"""Who is compared: how each is started, and why one cannot be."""

import hashlib
import os
import shutil
import subprocess
import sys
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
    return [sys.executable, "-m", "rumpf.runtime", "operators.message"]


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


def go_binary() -> Path:
    """Return where the program of the Go rival is kept that is made from the sources as they are."""
    sources = b"".join(each.read_bytes() for each in sorted(_GO_SOURCE.iterdir()))
    return cache_dir() / "bin" / f"bench-message-{hashlib.sha256(sources).hexdigest()[:12]}"


def _no_go() -> str:
    """Build it, if need be: a minute or two the first time, on what processor nobody else wants."""
    binary = go_binary()
    if binary.exists():
        return ""
    if not (go := shutil.which("go")):
        return "Go is not on PATH"
    print("building the Go rival", file=sys.stderr)
    command = ["nice", "-n", _NICE, go, "build", "-trimpath", "-ldflags=-s -w", "-o", str(binary), "."]
    binary.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        command,
        cwd=_GO_SOURCE,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "CGO_ENABLED": "0"},
    )
    return f"it does not build: {done.stderr.strip().splitlines()[-1]}" if done.returncode else ""


RIVALS = {
    rival.name: rival
    for rival in (
        Rival(OURS, _ours, _needs("rumpf.runtime.__main__", "kopf")),
        Rival("tutorial kopf", _tutorial, _needs("kopf", "kubernetes"), standby=False),
        Rival("Go, 1 worker", _go("--workers=1"), _no_go),
        Rival("Go, 8 workers", _go("--workers=8"), _no_go),
        Rival("Go, 8, follows Ready", _go("--workers=8", "--follow-ready"), _no_go),
    )
}
