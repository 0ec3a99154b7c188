"""Binaries from source: `go build` of what go.mod names and go.sum pins, with its progress shown."""

import os
import re
import signal
import subprocess
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from rumpf.cluster.assets.catalog import Upstream
from rumpf.cluster.assets.golang import Go, toolchain
from rumpf.cluster.assets.pins import MODULES
from rumpf.cluster.assets.store import Site, disk_full
from rumpf.console import Advance, Console
from rumpf.errors import BuildFailed

_LAST = 15
_A_PACKAGE = re.compile(r"[\w.\-/~]+")
_THEIRS = frozenset({"GOROOT", "GOEXPERIMENT", "GOARM", "GOAMD64", "GOARM64"})
"""Settings of the user's own Go projects; proxies and caches are used as they are set."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made, and with what."""

    binaries: Mapping[str, Path]
    go: Go


def build(upstream: Upstream, names: Iterable[str], into: Path, site: Site) -> Built:
    """Build these binaries of one upstream into the folder `into`, in one run of Go."""
    module = MODULES / upstream.name
    packages = {name: upstream.packages[name] for name in names}
    go = toolchain(needed_go(module), site)
    flags = [f"-ldflags={linker_flags(upstream)}"]
    environment = {
        **{key: value for key, value in os.environ.items() if key not in _THEIRS},
        "GOOS": site.machine.os,
        "GOARCH": site.machine.arch,
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": " ".join(("-mod=readonly", "-trimpath", "-buildvcs=false", *go.flags)),
        "GOTMPDIR": str(into),
        "CGO_ENABLED": "0",
        **go.environment,
    }
    if upstream.cgo:
        from rumpf.cluster.assets.seccomp import c_settings

        settings = c_settings(into, site)
        environment |= {"CGO_ENABLED": "1", **settings.environment}
        flags = [f"-ldflags={linker_flags(upstream)} {settings.linker_flags}".rstrip()]
        flags += [f"-tags={' '.join((upstream.tags, *settings.tags))}"]
    # A file for one binary (a package's last word is not always its name), a folder for several.
    output = str(into / next(iter(packages))) if len(packages) == 1 else f"{into}{os.sep}"
    site.console.say(
        f"{upstream}: building {', '.join(packages)} with Go {go.version}; this can take minutes"
    )
    command = [str(go.path), "build", "-v", *flags, "-o", output, *packages.values()]
    _run(command, module, environment, upstream, site)
    return Built({name: into / name for name in packages}, go)


def needed_go(module: Path) -> str:
    """The oldest Go that can build this module, as its go.mod says."""
    match = re.search(r"^go (\S+)", (module / "go.mod").read_text(), re.MULTILINE)
    return match[1] if match else "1.24"


def linker_flags(upstream: Upstream) -> str:
    """No symbol tables, and the version that the binary tells."""
    major, minor, *_ = upstream.version.split(".")
    return f"-s -w {upstream.stamp.format(version=upstream.version, major=major, minor=minor)}".rstrip()


def _run(
    command: list[str], module: Path, environment: Mapping[str, str], upstream: Upstream, site: Site
) -> None:
    last: deque[str] = deque(maxlen=_LAST)
    with subprocess.Popen(
        command,
        cwd=module,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            with _Progress(upstream, site.console) as progress:
                for line in process.stdout or ():
                    if not progress.counts(line.rstrip()):
                        last.append(line.rstrip())
        except BaseException:
            # As Ctrl-C does it: then Go ends its compilers and clears its own folder.
            process.send_signal(signal.SIGINT)
            raise
    if process.returncode:
        said = "\n".join(last)
        if "no space left on device" in said:
            raise disk_full(site.store.root)
        raise BuildFailed(
            f"go build failed (exit code {process.returncode}); its last words:\n{said}",
            where=str(upstream),
            remedy="check that Go's module proxy is reachable (`go env GOPROXY`), "
            "or put the binaries into a folder named by RUMPF_BIN",
        )


class _Progress(ExitStack):
    """Two bars, one after the other: modules while they arrive, packages while they are compiled."""

    def __init__(self, upstream: Upstream, console: Console) -> None:
        super().__init__()
        self._upstream = upstream
        self._console = console
        self._modules: Advance | None = None
        self._packages: Advance | None = None

    def counts(self, line: str) -> bool:
        """Advance where the line names a module or a package; False where it says something else."""
        if line.startswith("go: downloading "):
            if self._modules is None:
                self._modules = self.enter_context(self._bar("fetching modules", None, "modules"))
            self._modules(1)
        elif _A_PACKAGE.fullmatch(line):
            if self._packages is None:
                self.close()
                self._packages = self.enter_context(self._bar("compiling", self._upstream.size, "packages"))
            self._packages(1)
        else:
            return False
        return True

    def _bar(self, doing: str, total: int | None, unit: str) -> AbstractContextManager[Advance]:
        return self._console.bar(f"{self._upstream}: {doing}", total, unit)
