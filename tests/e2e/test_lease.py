"""The Lease between real processes and a real API server: killed, frozen, stopped; never two at once."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from rumpf.runtime.lease import Timing, steady
from rumpf.testing import Kubectl, RunningCluster

ROOT = Path(__file__).parents[2]
FOLLOWED_WITHIN = 12.0
PATIENCE = 60.0

# Writes down every few milliseconds whether it leads, and in which term. The time is taken before it asks: a
# process that is frozen in between must not claim a later moment than it asked about.
REPLICA = """
import asyncio, signal, sys
from rumpf.api import Api, connect
from rumpf.runtime.lease import Lease, steady

kubeconfig, namespace, identity, samples, story = sys.argv[1:]

async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    seen = ""
    with open(samples, "a", buffering=1) as out, open(story, "a", buffering=1) as told:
        def lost(why):
            print("lost:", why, file=told)
        async with (
            Api(connect(kubeconfig)) as api,
            Lease(api, namespace, "test", identity, on_loss=lost) as lease,
        ):
            while True:
                now = steady()
                if lease.leading:
                    print(now, lease.term, file=out)
                if lease.holder != seen:
                    seen = lease.holder
                    print("sees:", seen, file=told)
                await asyncio.sleep(0.005)

try:
    asyncio.run(main())
except asyncio.CancelledError:
    pass
"""


class Reign(NamedTuple):
    """One replica at work, from when to when."""

    begin: float
    end: float
    identity: str
    term: int


@dataclass
class Replica:
    """A process that wants to lead."""

    identity: str
    process: "subprocess.Popen[bytes]"
    samples: Path
    story: Path

    @property
    def reigns(self) -> list[Reign]:
        """When it led."""
        times: dict[int, list[float]] = {}
        for line in self.samples.read_text().splitlines() if self.samples.exists() else ():
            moment, term = line.split()
            times.setdefault(int(term), []).append(float(moment))
        return [Reign(min(each), max(each), self.identity, term) for term, each in times.items()]

    def leads_since(self, moment: float) -> bool:
        """Whether it was seen to lead after that."""
        return any(reign.end > moment for reign in self.reigns)

    @property
    def told(self) -> list[str]:
        """What it said that it saw and lost."""
        return self.story.read_text().splitlines() if self.story.exists() else []

    @property
    def losses(self) -> list[str]:
        """Why it led no more, each time."""
        return [line for line in self.told if line.startswith("lost:")]

    def wait_to_lead(self, since: float) -> float:
        """Wait until it leads; return when it began to."""
        wait_for(lambda: self.leads_since(since), f"{self.identity} to lead")
        return next(reign.begin for reign in self.reigns if reign.end > since)

    def signal(self, number: signal.Signals) -> float:
        """Send it a signal; return when."""
        now = steady()
        self.process.send_signal(number)
        return now


def wait_for(happened: Callable[[], object], what: str) -> None:
    """Wait until something has happened."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.005)


@dataclass
class Crew:
    """All replicas of a test."""

    kubeconfig: Path
    namespace: str
    folder: Path
    replicas: list[Replica] = field(default_factory=list[Replica])

    def start(self, identity: str) -> Replica:
        """Start one more."""
        samples, story = self.folder / f"{identity}.samples", self.folder / f"{identity}.story"
        arguments = [str(self.kubeconfig), self.namespace, identity, str(samples), str(story)]
        process = subprocess.Popen([sys.executable, "-c", REPLICA, *arguments], cwd=ROOT)
        replica = Replica(identity, process, samples, story)
        self.replicas.append(replica)
        return replica

    def check_that_there_were_never_two(self) -> list[str]:
        """Fail if two were ever at work at once; return who was, in turn."""
        reigns = sorted(reign for replica in self.replicas for reign in replica.reigns)
        for before, after in pairwise(reigns):
            assert before.end < after.begin, f"two at once: {before} and {after}"
        return [reign.identity for reign in reigns]


@pytest.fixture
def crew(cluster: RunningCluster, namespace: str, tmp_path: Path) -> Iterator[Crew]:
    made = Crew(cluster.kubeconfig, namespace, tmp_path)
    yield made
    for replica in made.replicas:
        replica.process.kill()
        replica.process.wait()


@pytest.fixture
def pair(crew: Crew) -> tuple[Replica, Replica]:
    """One that leads, and one that stands by."""
    begun = steady()
    one = crew.start("one")
    one.wait_to_lead(begun)
    two = crew.start("two")
    wait_for(lambda: "sees: one" in two.told, "the other to see who leads")
    return one, two


def test_a_leader_that_is_killed_is_followed_within_twelve_seconds(
    crew: Crew, pair: tuple[Replica, Replica], kubectl: Kubectl
) -> None:
    one, two = pair
    killed = one.signal(signal.SIGKILL)
    began = two.wait_to_lead(killed)
    assert Timing().duration - Timing().renew * 1.2 < began - killed < FOLLOWED_WITHIN
    assert crew.check_that_there_were_never_two() == ["one", "two"]
    lease = json.loads(kubectl("get", "lease", "test", "-o", "json"))["spec"]
    assert (lease["holderIdentity"], lease["leaseTransitions"]) == ("two", 1)


def test_a_leader_that_was_frozen_does_not_go_on_when_it_wakes(
    crew: Crew, pair: tuple[Replica, Replica]
) -> None:
    one, two = pair
    frozen = one.signal(signal.SIGSTOP)
    began = two.wait_to_lead(frozen)
    assert began - frozen < FOLLOWED_WITHIN
    woken = one.signal(signal.SIGCONT)
    wait_for(lambda: one.losses, "its loss to be told")
    assert "could not be renewed" in one.losses[0]
    wait_for(lambda: two.leads_since(woken + 3), "the other to go on, while the first could make a mistake")
    assert not one.leads_since(woken)
    assert crew.check_that_there_were_never_two() == ["one", "two"]
    killed = two.signal(signal.SIGKILL)
    one.wait_to_lead(killed)
    assert crew.check_that_there_were_never_two() == ["one", "two", "one"]


def test_a_leader_that_is_frozen_again_and_again_is_never_one_of_two(
    crew: Crew, pair: tuple[Replica, Replica]
) -> None:
    replicas = [*pair, crew.start("three")]
    for _ in range(3):
        _freeze_the_leader_until_another_follows(replicas)
    assert len(crew.check_that_there_were_never_two()) == 4


def test_a_leader_that_stops_in_order_is_followed_within_two_seconds(
    crew: Crew, pair: tuple[Replica, Replica], kubectl: Kubectl
) -> None:
    one, two = pair
    stopped = one.signal(signal.SIGTERM)
    assert one.process.wait(PATIENCE) == 0
    began = two.wait_to_lead(stopped)
    assert began - stopped < 2.5
    assert crew.check_that_there_were_never_two() == ["one", "two"]
    two.signal(signal.SIGTERM)
    assert two.process.wait(PATIENCE) == 0
    assert kubectl("get", "lease", "test", "-o", "jsonpath={.spec.holderIdentity}") == ""


def _freeze_the_leader_until_another_follows(replicas: list[Replica]) -> None:
    leader = next(each for each in replicas if each.leads_since(steady() - 0.5))
    others, lost = [each for each in replicas if each is not leader], len(leader.losses)
    frozen = leader.signal(signal.SIGSTOP)
    wait_for(lambda: any(each.leads_since(frozen) for each in others), "another to follow")
    # At once: what it was doing when it was frozen, it now wants to go on with.
    leader.signal(signal.SIGCONT)
    wait_for(lambda: len(leader.losses) > lost, "its loss to be told")
