"""A machine of a test's own, and an exact list of what somebody left on it.

Its processes, network and mounts are apart from everything else that runs here, and its disk is
read-only but for one folder: what is there afterwards was left, and nothing is written elsewhere.
When the test is over the kernel takes all of it away.
"""

import contextlib
import ipaddress
import json
import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import rumpf

RUMPF = Path(sysconfig.get_path("scripts")) / "rumpf"
NOBODY = 65534
_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_CGROUPS = Path("/sys/fs/cgroup")
_PATIENCE = 10.0

Left = dict[str, list[str]]


@dataclass(frozen=True)
class Traces:
    """What there is on a machine that a cluster could have left."""

    processes: frozenset[str]
    mounts: frozenset[str]
    networks: frozenset[str]
    interfaces: frozenset[str]
    routes: frozenset[str]
    firewall: frozenset[str]
    listeners: frozenset[str]
    cgroups: frozenset[str]
    files: frozenset[str]
    settings: frozenset[str]

    def since(self, before: "Traces") -> Left:
        """Name what is more than it was, by kind."""
        kinds = {kind: sorted(now - getattr(before, kind)) for kind, now in vars(self).items()}
        return {kind: more for kind, more in kinds.items() if more}


@dataclass(frozen=True)
class Running:
    """A program that runs on the machine."""

    entered: "subprocess.Popen[str]"
    pid: int
    """As this test sees it."""

    def send(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal."""
        assert self.pid
        os.kill(self.pid, number)

    def says(self, text: str) -> None:
        """Wait until it says so on stderr; fail where it ends without."""
        assert self.entered.stderr is not None
        said = ""
        for line in self.entered.stderr:
            said += line
            if text in line:
                return
        raise AssertionError(said)

    def end(self, seconds: float = 60.0) -> tuple[int, str, str]:
        """Wait for it: its exit code (negative: the signal that killed it) and what it said."""
        out, error = self.entered.communicate(timeout=seconds)
        return self.entered.returncode, out, error


@dataclass(frozen=True)
class Machine:
    """A machine, and the folder on it that can be written."""

    init: int
    folder: Path

    @property
    def cache(self) -> Path:
        """Where its clusters and everything of theirs are."""
        return self.folder / "cache"

    @property
    def clusters(self) -> Path:
        """Where its clusters are."""
        return self.cache / "clusters"

    def start(
        self,
        *command: str | Path,
        env: Mapping[str, str] | None = None,
        user: int = 0,
        given: int | IO[str] = subprocess.DEVNULL,
    ) -> Running:
        """Start a program there."""
        enter = ["nsenter", f"--target={self.init}", "--net", "--pid", "--mount"]
        identity = [f"--setuid={user}", f"--setgid={user}"]
        home = {"RUMPF_CACHE": str(self.cache), "HOME": str(self.folder)}
        entered = subprocess.Popen(
            [*enter, *identity, "--", *map(str, command)],
            env={**os.environ, **home, **(env or {})},
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return Running(entered, _only_child(entered))

    def run(
        self,
        *command: str | Path,
        env: Mapping[str, str] | None = None,
        user: int = 0,
        given: str = "",
        seconds: float = 120.0,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program there to its end."""
        running = self.start(*command, env=env, user=user, given=subprocess.PIPE)
        out, error = running.entered.communicate(given, timeout=seconds)
        return subprocess.CompletedProcess(command, running.entered.returncode, out, error)

    def rumpf(
        self, *arguments: str, env: Mapping[str, str] | None = None, user: int = 0
    ) -> "subprocess.CompletedProcess[str]":
        """Run `rumpf cluster ...` there."""
        return self.run(RUMPF, "cluster", *arguments, env=env, user=user)

    def up(
        self, name: str, *arguments: str, env: Mapping[str, str] | None = None, user: int = 0
    ) -> dict[str, Any]:
        """Bring a cluster up and return what it says of itself."""
        command = ("up", "--name", name, "--output", "json", *arguments)
        done = self.rumpf(*command, env=env, user=user)
        assert done.returncode == 0, done.stderr
        described: dict[str, Any] = json.loads(done.stdout)
        return described

    def binaries(self) -> dict[str, str]:
        """The environment in which somebody uses the binaries that root fetched."""
        folders = self.run("find", self.cache / "bin", "-mindepth", "1", "-maxdepth", "1", "-type", "d")
        return {"RUMPF_BIN": ":".join(folders.stdout.split())}

    def down(self, name: str) -> None:
        """End a cluster."""
        done = self.rumpf("down", "--name", name)
        assert done.returncode == 0, done.stderr

    def components(self, name: str) -> dict[str, dict[str, Any]]:
        """What `status` says of each component of a cluster."""
        found = json.loads(self.rumpf("status", "--output", "json").stdout)
        (cluster,) = (each for each in found if each["name"] == name)
        return {component["name"]: component for component in cluster["components"]}

    def kubectl(self, name: str, *arguments: str, given: str = "") -> str:
        """Run kubectl against a cluster; what it printed."""
        program = self.record(name)["binaries"]["kubectl"]
        folder = self.clusters / name
        access = (f"--kubeconfig={folder / 'kubeconfig'}", f"--cache-dir={folder / 'kubectl'}")
        done = self.run(program, *access, *arguments, given=given)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def record(self, name: str) -> dict[str, Any]:
        """What the guard of a cluster wrote down."""
        record: dict[str, Any] = json.loads((self.clusters / name / "cluster.json").read_text())
        return record

    def kill(self, *pids: int) -> None:
        """SIGKILL processes, by the ids they have there."""
        done = self.run("kill", "-KILL", *map(str, pids))
        assert done.returncode == 0, done.stderr

    def left(self, before: Traces, patience: float = _PATIENCE) -> Left:
        """What is there still that was not there before; waits a little for the kernel to clean up."""
        deadline = time.monotonic() + patience
        while (left := self.traces().since(before)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left

    def traces(self) -> Traces:
        """Everything that a cluster could leave, as it is now."""
        network = Path(f"/proc/{self.init}/net")
        namespaces = {_target(each / "ns/net") for each in self._processes()}
        words = {each.name: _read(each / "cmdline").replace("\0", " ").strip() for each in self._processes()}
        return Traces(
            processes=frozenset(f"{pid} {command}" for pid, command in words.items() if command),
            mounts=frozenset(_read(Path(f"/proc/{self.init}/mountinfo")).splitlines()),
            networks=frozenset(namespaces - {""}),
            interfaces=frozenset(line.split(":")[0] for line in _read(network / "dev").splitlines()[2:]),
            routes=frozenset(_read(network / "route").splitlines()[1:]),
            firewall=frozenset(self._firewall()),
            listeners=frozenset(self.listeners()),
            cgroups=frozenset(self.cgroups()),
            files=frozenset(self._files()),
            settings=frozenset(_settings()),
        )

    def listeners(self) -> Iterator[str]:
        """Whoever waits for strangers in the machine's own network: protocol, address and port."""
        for protocol in ("tcp", "tcp6", "udp", "udp6"):
            for line in _read(Path(f"/proc/{self.init}/net/{protocol}")).splitlines()[1:]:
                _, local, _, state, *_ = line.split()
                if protocol.startswith("udp") or int(state, 16) == _LISTENING:
                    address, port = local.split(":")
                    yield f"{protocol} {_address(address)} {int(port, 16)}"

    def _processes(self) -> Iterator[Path]:
        """The folders in the machine's own /proc: its processes, whatever they have unshared since."""
        for entry in Path("/proc", str(self.init), "root", "proc").iterdir():
            if entry.name.isdecimal() and entry.name != "1":
                yield entry

    def _files(self) -> Iterator[str]:
        """What is in no cache, and what is in the folder of clusters."""
        for folder, inner, names in os.walk(self.folder):
            if Path(folder) == self.cache:
                inner[:] = [name for name in inner if name == self.clusters.name]
            elif Path(folder) != self.folder:
                yield from (str(Path(folder, name)) for name in (*inner, *names))

    def _firewall(self) -> Iterator[str]:
        for program in ("iptables-save", "ip6tables-save"):
            if shutil.which(program):
                rules = self.run(program).stdout.splitlines()
                yield from (rule for rule in rules if not rule.startswith("#"))

    def cgroups(self) -> Iterator[str]:
        """The control groups of its containers, and those that are empty."""
        # The one thing that machines share. A group in which somebody else's processes are is not ours.
        here = {_target(each / "ns/pid") for each in self._processes()}
        for group in (*_CGROUPS.glob("*/k8s.io/*/"), *_CGROUPS.glob("k8s.io/*/")):
            listed = [_read(Path(folder, "cgroup.procs")) for folder, _, _ in os.walk(group)]
            if all(_target(Path(f"/proc/{pid}/ns/pid")) in here for pid in "".join(listed).split()):
                yield str(group)


_LISTENING = 0x0A


@contextmanager
def booted(folder: Path, shown: Mapping[Path, Path]) -> Generator[Machine]:
    """Run a machine for the length of a block. It takes root.

    `folder` can be written; `shown` are folders of this machine and where they are seen on that one.
    """
    boot = subprocess.Popen(
        [*_UNSHARE, "sh", "-e", "-c", "\n".join(_boot(folder, shown))],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert boot.stdout is not None
    assert boot.stdout.readline() == "booted\n"
    machine = Machine(_only_child(boot), folder)
    assert machine.init
    try:
        yield machine
    finally:
        groups = list(machine.cgroups())
        os.kill(machine.init, signal.SIGKILL)
        boot.wait()  # for the first process, and so for all
        boot.stdout.close()
        # All else went with its processes.
        for group in groups:
            with contextlib.suppress(FileNotFoundError):
                Path(group).rmdir()


def _boot(folder: Path, shown: Mapping[Path, Path]) -> Iterator[str]:
    yield "mount --make-rprivate /"
    for source, target in {folder: folder, **shown}.items():
        target.mkdir(parents=True, exist_ok=True)
        yield shlex.join(["mount", "--bind", str(source), str(target)])
    yield from _opened(folder)
    yield "mount -n -o remount,bind,ro /"
    yield "ip link set lo up"
    yield "trap '' CHLD"  # orphans vanish when they die, as with any init
    yield "echo booted"
    yield "exec sleep infinity"


def _opened(folder: Path) -> Iterator[str]:
    """Let everybody run this Python and this package, also where they lie in root's home."""
    needed = {Path(sys.prefix), Path(sys.base_prefix), Path(rumpf.__file__).parent.parent}
    parents = {parent for path in needed for parent in path.parents}
    for closed in sorted(path for path in parents if not path.stat().st_mode & stat.S_IXOTH):
        inside = [path for path in needed if path.is_relative_to(closed)]
        for number, path in enumerate(inside):
            aside = folder / f"aside-{number}"
            aside.mkdir()
            yield shlex.join(["mount", "--bind", str(path), str(aside)])
        yield shlex.join(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(closed)])
        for number, path in enumerate(inside):
            yield shlex.join(["mkdir", "-p", str(path)])
            yield shlex.join(["mount", "--move", str(folder / f"aside-{number}"), str(path)])
            yield shlex.join(["rmdir", str(folder / f"aside-{number}")])


def _only_child(parent: "subprocess.Popen[str]") -> int:
    """The one process that a process started; 0 where that is over already."""
    while parent.poll() is None:
        if children := _read(Path(f"/proc/{parent.pid}/task/{parent.pid}/children")).split():
            return int(children[0])
        time.sleep(0.001)
    return 0


def _settings() -> Iterator[str]:
    """The kernel's machine-wide settings that somebody could change."""
    for area in ("kernel", "vm"):
        for path in Path("/proc/sys", area).rglob("*"):
            if path.is_file() and path.stat().st_mode & 0o200 and path.name not in _RESTLESS:
                yield f"{path} = {_read(path).strip()}"


_RESTLESS = {"ns_last_pid", "uuid", "boot_id", "entropy_avail"}


def _address(hexadecimal: str) -> str:
    words = [hexadecimal[start : start + 8] for start in range(0, len(hexadecimal), 8)]
    packed = b"".join(bytes.fromhex(word)[::-1] for word in words)
    return str(ipaddress.ip_address(packed))


def _target(link: Path) -> str:
    with contextlib.suppress(OSError):
        return str(link.readlink())
    return ""


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""
