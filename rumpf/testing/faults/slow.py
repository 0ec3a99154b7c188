"""Slow wires: a Pod's network at a given rate, or with a delay, in both directions."""

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from rumpf.errors import FaultError
from rumpf.testing.faults.episodes import Episodes
from rumpf.testing.faults.pods import Pod, network_namespace, wire
from rumpf.testing.faults.world import World

_RATE = re.compile(r"[0-9]+(\.[0-9]+)?([kmg]?(bit|bps))", re.IGNORECASE)
_DELAY = re.compile(r"[0-9]+(\.[0-9]+)?(us|ms|s)", re.IGNORECASE)
_WHERE = "faults.slow"
_INSIDE = "eth0"
_GONE = ("Cannot find device", "Cannot open network namespace", "No such device")


@contextmanager
def slow(world: World, episodes: Episodes, pod: Pod, discipline: Sequence[str]) -> Generator[None]:
    """Slow both ends of a Pod's wire for the length of a block: what it receives and what it sends."""
    # What leaves the node's end is what the Pod receives; what leaves its own end is what it sends.
    ends = (["dev", wire(world, pod)], ["dev", _INSIDE])
    spaces: tuple[list[str], ...] = ([], ["-netns", network_namespace(world, pod)])
    slowed: list[tuple[list[str], list[str]]] = []

    def undo() -> None:
        for space, end in slowed:
            try:
                world.run("tc", *space, "qdisc", "del", *end, "root")
            except FaultError as error:
                # With the Pod goes its wire.
                if not any(gone in error.what for gone in _GONE):
                    raise

    try:
        for space, end in zip(spaces, ends, strict=True):
            world.run("tc", *space, "qdisc", "add", *end, "root", *discipline)
            slowed.append((space, end))
    except FaultError as error:
        undo()
        raise _explained(error, discipline[0], pod) from None
    with episodes.lasting(f"{pod} slowed: {' '.join(discipline)}", undo):
        yield


def queueing(rate: str | None, delay: str | None) -> Sequence[str]:
    """Return the queueing discipline, in tc's words. Refuses what tc would misread."""
    if rate is not None and not _RATE.fullmatch(rate):
        raise FaultError(f"{rate!r} is no rate", remedy="say it as tc does: 512kbit, 1mbit", where=_WHERE)
    if delay is not None and not _DELAY.fullmatch(delay):
        raise FaultError(f"{delay!r} is no delay", remedy="say it as tc does: 50ms, 1s", where=_WHERE)
    if delay is not None:
        return ("netem", "delay", delay, *(("rate", rate) if rate is not None else ()))
    if rate is None:
        raise FaultError("neither a rate nor a delay", remedy="say at least one of them", where=_WHERE)
    # The bucket holds some ten full packets: less stalls, much more lets short exchanges pass at full speed.
    return ("tbf", "rate", rate, "burst", "16kb", "latency", "500ms")


def _explained(error: FaultError, discipline: str, pod: Pod) -> FaultError:
    if "qdisc kind is unknown" in error.what:
        return FaultError(
            f"this machine's kernel cannot do it: it has no sch_{discipline}",
            remedy=f"modprobe sch_{discipline} (Debian: linux-image-*, not the cloud one)"
            + ("; a rate alone takes sch_tbf only" if discipline == "netem" else ""),
            where=str(pod),
        )
    if "Exclusivity flag on" in error.what:
        return FaultError(
            "it is slowed already", remedy="end the one `faults.slow` before the other", where=str(pod)
        )
    return error
