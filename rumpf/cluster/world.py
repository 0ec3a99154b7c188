"""From a fork of the guard to a supervisor at work: here a cluster enters its own world, and leaves it."""

import json
import os
import select
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import rumpf
from rumpf.cluster import namespaces, ownership
from rumpf.cluster.environment import direct
from rumpf.cluster.layout import INSIDE, NODE_ADDRESS, NODE_NAME, Link
from rumpf.cluster.plan import Plan
from rumpf.cluster.remains import hand_over, leave_nothing
from rumpf.cluster.setup import Setup, failure, say
from rumpf.cluster.sparse import copy_sparse
from rumpf.cluster.supervisor import Supervisor, configure_network, kill_descendants

# A kubelet sets these, for the whole machine and for good. It leaves them alone where it finds them so.
_KUBELET_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


@dataclass(frozen=True)
class Guarded:
    """What a supervisor has from its guard."""

    folder: Path
    lock: int
    """Held by both: the name is taken for as long as one of them lives."""
    link: Link | None
    guard: socket.socket
    guard_life: int
    """Readable once the guard is dead."""

    def give_up_for_the_dead(self) -> None:
        """Do what the guard would do last, where it cannot any more."""
        if select.select([self.guard_life], [], [], 0)[0]:
            ownership.give_up(self.folder, self.lock)


def supervise(setup: Setup, given: Guarded) -> NoReturn:
    """Be the supervisor, in the process that the guard forked for it, until the cluster is gone."""
    code = 0
    machine_mounts = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if setup.template:
            copy_sparse(Path(setup.template), given.folder / "etcd")
        if given.link:
            _enter_own_world(setup, given.folder, given.link, given.guard)
        else:
            namespaces.adopt_orphans()
        os.chdir(INSIDE if given.link else given.folder)
        Path("tmp").mkdir()
        environment = direct() | {"PATH": setup.path, "TMPDIR": str(Path("tmp").absolute())}
        os.environ.clear()
        os.environ.update(environment)
        line, words = _first_line(given.guard)
        plan = Plan.from_json(json.loads(line))
        supervisor = Supervisor(plan, given.guard, say, bound_to_parent=given.link is None)
        hand_over(Path(), setup.owner)
        supervisor.hear(words)
        supervisor.run()
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        say(failure("supervisor", error, given.folder))
        code = 1
    finally:
        kill_descendants(everything=given.link is not None)
        if given.link:
            namespaces.join(machine_mounts, namespaces.CLONE_NEWNS)
        os.chdir("/")
        if ownership.holds(given.folder, given.lock):
            leave_nothing(given.folder)
        given.give_up_for_the_dead()
        os._exit(code)


def _enter_own_world(setup: Setup, folder: Path, link: Link, guard: socket.socket) -> None:
    namespaces.unshare(
        namespaces.CLONE_NEWNS | namespaces.CLONE_NEWNET | namespaces.CLONE_NEWIPC | namespaces.CLONE_NEWUTS
    )
    guard.sendall(b"n")
    namespaces.name_host(NODE_NAME)
    keep = {Path(sys.prefix), Path(sys.base_prefix), *(Path(file).parent for file in setup.binaries.values())}
    keep |= {Path("/etc/resolv.conf").resolve().parent}
    keep |= {folder.parent.parent / "images", Path(rumpf.__file__).parent.parent}
    keep |= {Path(entry) for entry in setup.path.split(os.pathsep) if entry}
    namespaces.private_mounts(folder, INSIDE, keep)
    namespaces.pretend(_KUBELET_SETTINGS, folder / "settings")
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


def _first_line(channel: socket.socket) -> tuple[bytes, bytes]:
    """The first line, and what came along with it; as far as there is one."""
    received = bytearray()
    while b"\n" not in received:
        if not (piece := channel.recv(65536)):
            break
        received += piece
    line, _, rest = bytes(received).partition(b"\n")
    return line, rest
