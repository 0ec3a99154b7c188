"""Cut wires: which packets are dropped, as rules of the packet filter in the cluster's own network.

Each cut has rules of its own, told apart by a comment, and takes away exactly those. They come before
everything else, so flows that are established already are cut too.
"""

import secrets
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from rumpf.testing.faults.episodes import Episodes
from rumpf.testing.faults.pods import Pod
from rumpf.testing.faults.world import World

API = "api"
"""The API server, as the other end of a cut."""

_API_PORT = 6443
_WIRE_TO_MACHINE = "eth0"


@contextmanager
def cut(world: World, episodes: Episodes, what: str, rules: Sequence[str]) -> Generator[None]:
    """Drop the packets that `rules` match for the length of a block."""
    tag = f"rumpf-{secrets.token_hex(4)}"
    _restore(world, batch("-I", rules, tag))
    with episodes.lasting(what, lambda: _restore(world, batch("-D", rules, tag))):
        yield


def batch(action: str, rules: Sequence[str], tag: str) -> str:
    """Return what iptables-restore reads to insert (-I) or delete (-D) the rules, all or none."""
    lines = [f"{action} {rule} -m comment --comment {tag} -j DROP" for rule in rules]
    return "\n".join(("*filter", *lines, "COMMIT", ""))


def everything(pod: Pod) -> tuple[str, ...]:
    """Match all that a Pod sends and receives."""
    return (
        f"INPUT -s {pod.address}",
        f"OUTPUT -d {pod.address}",
        f"FORWARD -s {pod.address}",
        f"FORWARD -d {pod.address}",
    )


def between(one: Pod, other: Pod) -> tuple[str, ...]:
    """Match what two Pods send each other, directly or through a Service."""
    # Here a Service's address is already, and still, that of the Pod behind it.
    return (
        f"FORWARD -s {one.address} -d {other.address}",
        f"FORWARD -s {other.address} -d {one.address}",
    )


def to_api_server(pod: Pod) -> tuple[str, ...]:
    """Match what a Pod and the API server send each other: by its Service, any address of it, or a proxy."""
    return (
        f"INPUT -s {pod.address} -p tcp --dport {_API_PORT}",
        f"OUTPUT -d {pod.address} -p tcp --sport {_API_PORT}",
        # An API proxy is on the machine.
        f"FORWARD -s {pod.address} -o {_WIRE_TO_MACHINE}",
        f"FORWARD -d {pod.address} -i {_WIRE_TO_MACHINE}",
    )


@contextmanager
def way_out(world: World, episodes: Episodes, pods: str) -> Generator[None]:
    """Let Pods reach the machine's end of the wire for the length of a block."""
    # In the node's name, because the machine knows no way back to a Pod.
    tag = f"rumpf-{secrets.token_hex(4)}"
    rule = f"POSTROUTING -s {pods} -o {_WIRE_TO_MACHINE} -m comment --comment {tag} -j MASQUERADE"
    _restore(world, f"*nat\n-I {rule}\nCOMMIT\n")
    with episodes.lasting("Pods reach the API proxy", lambda: _restore(world, f"*nat\n-D {rule}\nCOMMIT\n")):
        yield


def _restore(world: World, rules: str) -> None:
    world.run("iptables-restore", "--noflush", "--wait=10", given=rules)
