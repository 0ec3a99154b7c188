"""A cluster in its holder's hands: taken down even where it hangs, and what is said where there is none."""

import json
import os
import signal
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rumpf.cluster import Cluster, attach, clusters
from rumpf.cluster.handle import from_record
from rumpf.cluster.plan import Component, Plan
from rumpf.cluster.remains import RECORD
from rumpf.cluster.session import Session
from rumpf.cluster.setup import Setup
from rumpf.errors import ClusterError, NoSuchCluster

Start = Callable[[str], Cluster]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Start]:
    """Bring up clusters of one component that does nothing for long."""
    monkeypatch.setenv("RUMPF_CACHE", str(tmp_path))
    with ExitStack() as stack:

        def bring_up(name: str) -> Cluster:
            folder = tmp_path / "clusters" / name
            record = {"name": name, "nodes": "none", "kubernetes": "1.36", "url": "", "binaries": {}}
            session = stack.enter_context(Session(Setup.hosted(folder, {}, None, record)))
            session.carry_out(Plan((), (Component("one", ("/bin/sleep", "1000")),)))
            deadline = time.monotonic() + 10
            while not (folder / "logs" / "one.log").exists():
                session.check(0.005)
                assert time.monotonic() < deadline
            return from_record(json.loads((folder / RECORD).read_text()), session)

        yield bring_up


def test_a_name_that_is_not_up_is_answered_with_those_that_are(start: Start) -> None:
    start("east")
    start("west")
    with pytest.raises(NoSuchCluster) as refusal:
        attach("north")
    assert str(refusal.value) == (
        "north: no such cluster is up\n  -> up now: east, west; rumpf cluster up starts one"
    )


def test_where_none_is_up_that_is_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUMPF_CACHE", str(tmp_path))
    with pytest.raises(NoSuchCluster, match="-> none is up; rumpf cluster up starts one"):
        attach("north")


def test_one_that_hangs_is_down_in_less_than_5_seconds(start: Start) -> None:
    cluster = start("one")
    os.kill(cluster.supervisor, signal.SIGSTOP)
    begun = time.monotonic()
    attach("one").down()
    assert time.monotonic() - begun < 5
    assert clusters() == ()
    assert list(cluster.folder.parent.iterdir()) == []


def test_one_that_answers_is_down_at_once(start: Start) -> None:
    cluster = start("one")
    begun = time.monotonic()
    cluster.down()
    assert time.monotonic() - begun < 2
    assert list(cluster.folder.parent.iterdir()) == []


def test_one_that_was_to_stay_and_is_taken_down_leaves_no_process_behind(start: Start) -> None:
    cluster = start("one")
    guard = json.loads((cluster.folder / RECORD).read_text())["guard"]
    cluster.keep()
    cluster.down()
    assert not Path(f"/proc/{guard}").exists()
    with pytest.raises(ClusterError, match="no such cluster is up"):
        cluster.down()
