"""The machine's side of a cluster: makes its world, watches over it, and cleans up after it.

Two processes watch each other. The guard stays outside: when the supervisor dies (down, a crash,
a SIGKILL) it removes what the kernel does not take away by itself. When the guard dies, the
supervisor does that. Until the owner says `release`, the cluster also ends with its owner.

Spoken on standard input: a line with the `Setup`, a line with the plan, then words for the
supervisor (how far the API server is), and `release` once the cluster is to outlive its owner.
On standard output: one JSON event a line.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn, Self

from rumpf.cluster import cgroups, namespaces, ownership
from rumpf.cluster.layout import INSIDE, NODE_ADDRESS, NODE_NAME, Link
from rumpf.cluster.plan import Plan
from rumpf.cluster.supervisor import Supervisor, configure_network, kill_descendants

RECORD = "cluster.json"
_SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


@dataclass(frozen=True)
class Setup:
    """What the guard must know before there is a plan."""

    folder: str
    link: int | None
    """The number of the wire of a cluster with a real node; None for one on the loopback."""
    binaries: dict[str, str]
    path: str
    """The PATH of the components."""
    ip: str
    template: str | None
    """The etcd data to start from."""
    record: dict[str, Any]
    """What `status` tells of the cluster."""
    owner: tuple[int, int] | None = None
    """User and group that the folder belongs to, where the guard was started by sudo."""

    @classmethod
    def world(
        cls,
        folder: Path,
        *,
        link: Link,
        binaries: Mapping[str, str],
        tools: str,
        template: Path,
        record: Mapping[str, Any],
    ) -> Self:
        """For a cluster with a real node, in a world of its own."""
        path = os.pathsep.join(filter(None, [f"{INSIDE}/bin", tools, *_SYSTEM_PATH]))
        ip = shutil.which("ip", path=path) or "ip"
        owner = (os.getuid(), os.getgid()) if os.getuid() else None
        return cls(str(folder), link.index, dict(binaries), path, ip, str(template), dict(record), owner)

    @classmethod
    def hosted(
        cls, folder: Path, binaries: Mapping[str, str], template: Path | None, record: Mapping[str, Any]
    ) -> Self:
        """For a cluster on the machine's loopback."""
        data = str(template) if template else None
        return cls(str(folder), None, dict(binaries), os.pathsep.join(_SYSTEM_PATH), "", data, dict(record))

    def to_line(self) -> str:
        """The setup as a line of JSON."""
        return json.dumps(asdict(self)) + "\n"


def main() -> NoReturn:
    """Run as the guard until the cluster is gone."""
    os.umask(0o077)
    setup = Setup(**json.loads(sys.stdin.buffer.readline()))
    folder = Path(setup.folder)
    lock = ownership.take(folder)
    if lock is None:
        say({"event": "taken"})
        sys.exit(1)
    os.set_inheritable(lock, False)  # noqa: FBT003 - the standard library's signature
    leave_nothing(folder, setup.link)
    try:
        folder.mkdir(parents=True, mode=0o700)
        Guard(setup, folder).watch()
    except OSError as error:
        say({"event": "failed", "component": "guard", "exit": str(error), "tail": ""})
    finally:
        leave_nothing(folder, setup.link)
        ownership.give_up(folder, lock)
    sys.exit(0)


def leave_nothing(folder: Path, link: int | None) -> None:
    """Remove what dead processes of a cluster left behind."""
    if link is None:
        with contextlib.suppress(OSError, ValueError, KeyError):
            link = json.loads((folder / RECORD).read_text())["link"]
    if link is not None:
        cgroups.remove(Link(link).cgroup)
    if folder.exists():
        # Mounts are the cluster's own and gone with it: what lies here are plain files.
        shutil.rmtree(folder, ignore_errors=True)


def say(event: dict[str, Any]) -> None:
    """Tell the owner; nobody may be listening any more."""
    event["at"] = time.time()
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(event).encode() + b"\n")


class Guard:
    """One cluster, seen from the machine."""

    def __init__(self, setup: Setup, folder: Path) -> None:
        self._setup = setup
        self._folder = folder
        self._link = Link(setup.link) if setup.link is not None else None
        self._released = False
        ours, theirs = socket.socketpair()
        if self._link:
            namespaces.unshare(namespaces.CLONE_NEWPID)
        self._supervisor = os.fork()
        if self._supervisor == 0:
            ours.close()
            _be_supervisor(setup, folder, self._link, theirs)
        theirs.close()
        if self._link:
            # Later children (the `ip` command) belong to the machine's processes again.
            with open("/proc/self/ns/pid", "rb") as ours_again:  # noqa: PTH123 - a namespace, not a file
                namespaces.join(ours_again.fileno(), namespaces.CLONE_NEWPID)
        self._channel = ours

    def watch(self) -> None:
        """Stay until the supervisor is gone; see to it that it goes when it should."""
        os.chdir("/")
        pidfd = os.pidfd_open(self._supervisor)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, _end)
        try:
            if self._link:
                self._connect(self._link)
            self._record()
            plan = sys.stdin.buffer.readline()
            if not plan:
                return
            self._channel.sendall(plan)
            while True:
                sources = [pidfd] if self._released else [pidfd, 0]
                ready, _, _ = select.select(sources, [], [])
                if pidfd in ready:
                    break
                if not self._hear_owner():
                    break
        finally:
            os.kill(self._supervisor, signal.SIGKILL) if self._link else self._channel.close()
            _, status = os.waitpid(self._supervisor, 0)
            say({"event": "ended", "exit": status})
            if self._link:
                self._disconnect(self._link)

    def _hear_owner(self) -> bool:
        # Words are few and short: those sent together arrive together.
        words = os.read(0, 256).split()
        for word in words:
            if word == b"release":
                self._released = True
                null = os.open(os.devnull, os.O_RDWR)
                os.dup2(null, 0)
                os.dup2(null, 1)
            else:
                self._channel.sendall(word + b"\n")
        return bool(words)

    def _connect(self, link: Link) -> None:
        self._channel.recv(1)
        commands = f"""\
link add {link.interface} type veth peer name eth0 netns {self._supervisor}
addr add {link.machine}/30 dev {link.interface}
link set {link.interface} up
"""
        try:
            configure_network(self._setup.ip, commands)
        except subprocess.CalledProcessError as error:
            event = "link-taken" if "File exists" in error.stderr else "failed"
            say({"event": event, "component": "network", "exit": error.stderr.strip(), "tail": ""})
            raise OSError(error.stderr.strip()) from error
        self._channel.sendall(b"c")

    def _disconnect(self, link: Link) -> None:
        # The kernel would take it away too, but a moment later than `down` returns.
        subprocess.run([self._setup.ip, "link", "del", link.interface], capture_output=True, check=False)

    def _record(self) -> None:
        record = {
            **self._setup.record,
            "link": self._setup.link,
            "guard": os.getpid(),
            "supervisor": self._supervisor,
            "created": time.time(),
        }
        (self._folder / RECORD).write_text(json.dumps(record))
        if self._setup.owner:
            os.chown(self._folder, *self._setup.owner)


def _be_supervisor(setup: Setup, folder: Path, link: Link | None, guard: socket.socket) -> NoReturn:
    code = 0
    machine_mounts = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if setup.template:
            copy_sparse(Path(setup.template), folder / "etcd")
        if link:
            _enter_own_world(setup, folder, link, guard)
        else:
            namespaces.adopt_orphans()
        os.chdir(INSIDE if link else folder)
        os.environ["PATH"] = setup.path
        plan = Plan.from_json(json.loads(_read_line(guard)))
        Supervisor(plan, guard, say, bound_to_parent=link is None).run()
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        say(
            {
                "event": "failed",
                "component": "supervisor",
                "exit": f"{type(error).__name__}: {error}",
                "tail": "",
            }
        )
        code = 1
    finally:
        kill_descendants(everything=link is not None)
        if link:
            namespaces.join(machine_mounts, namespaces.CLONE_NEWNS)
        os.chdir("/")
        leave_nothing(folder, setup.link)
        os._exit(code)


def _enter_own_world(setup: Setup, folder: Path, link: Link, guard: socket.socket) -> None:
    namespaces.unshare(
        namespaces.CLONE_NEWNS | namespaces.CLONE_NEWNET | namespaces.CLONE_NEWIPC | namespaces.CLONE_NEWUTS
    )
    guard.sendall(b"n")
    namespaces.name_host(NODE_NAME)
    keep = {Path(sys.prefix), Path(sys.base_prefix), *(Path(file).parent for file in setup.binaries.values())}
    keep |= {Path("/etc/resolv.conf").resolve().parent}
    keep |= {Path(entry) for entry in setup.path.split(os.pathsep) if entry}
    namespaces.private_mounts(folder, INSIDE, keep)
    (folder / "bin").mkdir()
    for name, file in setup.binaries.items():
        (folder / "bin" / name).symlink_to(file)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    guard.recv(1)
    configure_network(
        setup.ip,
        f"""\
link set lo up
addr add {NODE_ADDRESS}/32 dev lo
addr add {link.cluster}/30 dev eth0
link set eth0 up
""",
    )


def copy_sparse(source: Path, target: Path) -> None:
    """Copy a folder of files that are mostly holes (etcd sets 64 MiB aside), without filling them."""
    for folder, _, names in os.walk(source):
        into = target / Path(folder).relative_to(source)
        into.mkdir(mode=0o700)
        for name in names:
            _copy_file_sparse(Path(folder) / name, into / name)


def _copy_file_sparse(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        size = os.fstat(reader.fileno()).st_size
        position = 0
        with contextlib.suppress(OSError):  # ENXIO: nothing but a hole is left
            while position < size:
                start = os.lseek(reader.fileno(), position, os.SEEK_DATA)
                position = os.lseek(reader.fileno(), start, os.SEEK_HOLE)
                reader.seek(start)
                writer.seek(start)
                writer.write(reader.read(position - start))
        writer.truncate(size)


def _read_line(channel: socket.socket) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        if not (piece := channel.recv(65536)):
            break
        received += piece
    return bytes(received)


def _end(*_: object) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    main()
