"""What the owner of a cluster makes of what its guard tells; the guard here reads from a script."""

import json
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rumpf.cluster import session as session_module
from rumpf.cluster.plan import Plan
from rumpf.cluster.session import Session, Taken
from rumpf.cluster.setup import Setup
from rumpf.errors import ClusterError, ClusterExists, ComponentDied

GUARD = textwrap.dedent("""
    import sys

    sys.stdin.readline()
    print({said!r}, flush=True)
    sys.stdin.read()
""")

Told = Callable[..., Session]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Start a session whose guard tells these events."""

    def start(*events: dict[str, Any]) -> Session:
        said = "\n".join(
            json.dumps({"component": "etcd", "exit": "", "tail": "", **event}) for event in events
        )
        command = (sys.executable, "-c", GUARD.format(said=said))
        monkeypatch.setattr(session_module, "python", lambda _: command)
        return Session(Setup.hosted(tmp_path / "clusters" / "one", {}, None, {}))

    return start


def test_deaths_are_no_reason_to_give_up(told: Told) -> None:
    with told({"event": "started"}, {"event": "died"}, {"event": "died"}) as session:
        session.check(0.2)


def test_a_component_that_is_given_up_is_shown_with_the_end_of_its_log(told: Told) -> None:
    log = "".join(f"line {number}\n" for number in range(100))
    with (
        told({"event": "failed", "exit": "killed by SIGSEGV", "tail": log}) as session,
        pytest.raises(ComponentDied) as refusal,
    ):
        session.check(5)
    first, *rest = refusal.value.what.splitlines()
    assert first == "etcd does not start: killed by SIGSEGV"
    assert rest == [f"line {number}" for number in range(88, 100)]


@pytest.mark.parametrize(
    "event",
    [
        {"event": "link-taken"},
        {"event": "died", "tail": "listen tcp 127.0.0.1:1: bind: address already in use\n"},
        {"event": "failed", "tail": "listen tcp 127.0.0.1:1: bind: address already in use\n"},
    ],
)
def test_what_somebody_else_has_taken_is_a_reason_to_try_another(told: Told, event: dict[str, str]) -> None:
    with told(event) as session, pytest.raises(Taken):
        session.check(5)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            {"tail": "write wal: no space left on device"},
            "one: No space left on device\n  -> free some room there;",
        ),
        ({"exit": "refused by the machine: No space left on device"}, "one: No space left on device"),
        ({"errno": 28, "file": "/disk/x"}, "/disk/x: No space left on device\n  -> free some room there;"),
        ({"errno": 13, "file": "/disk/x"}, "/disk/x: Permission denied\n  -> see that it is yours"),
    ],
)
def test_what_the_machine_refuses_is_named(told: Told, event: dict[str, Any], said: str) -> None:
    with told({"event": "failed", **event}) as session, pytest.raises(ClusterError) as refusal:
        session.check(5)
    assert said in str(refusal.value)
    assert "RUMPF_CACHE" in refusal.value.remedy


def test_a_name_that_is_taken_is_left_to_its_holder_at_once(told: Told) -> None:
    begun = time.monotonic()
    with (
        told({"event": "taken"}) as session,
        pytest.raises(ClusterExists, match="rumpf cluster down --name one"),
    ):
        session.check(5)
    assert time.monotonic() - begun < 3


def test_events_that_arrive_in_pieces_are_put_together(told: Told) -> None:
    with (
        told(*[{"event": "started", "tail": "x" * 20_000}] * 4, {"event": "link-taken"}) as session,
        pytest.raises(Taken),
    ):
        session.check(5)


def test_words_to_a_guard_that_is_gone_are_lost_without_a_fuss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "python", lambda _: (sys.executable, "-c", ""))
    with Session(Setup.hosted(tmp_path / "one", {}, None, {})) as session:
        with pytest.raises(ClusterError, match="its guard ended before the cluster was ready"):
            session.check(5)
        session.carry_out(Plan((), ()))
        session.settle()
