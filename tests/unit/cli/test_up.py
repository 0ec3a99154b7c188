"""What `rumpf up` shows: a table on a terminal, and elsewhere a line for each change."""

import asyncio
import io
import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console as RichConsole
from rich.live import Live as RichLive

from rumpf.cli import cli
from rumpf.cli.live import Live, age, redrawn, table_of
from rumpf.cli.show import Choice, Show
from rumpf.console import Lines
from rumpf.errors import UsageError
from rumpf.install.sight import Row


def row(name: str, ready: str = "True", reason: str = "Printing", message: str = "It prints") -> Row:
    return Row("Message", "default", name, ready, reason, message, "2026-01-01T00:00:00Z")


def drawn(*rows: Row) -> list[str]:
    stream = io.StringIO()
    RichConsole(file=stream, width=120).print(table_of(list(rows), "rumpf-rumpf"))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_the_table_shows_first_what_is_not_ready() -> None:
    title, heading, first, second = drawn(row("a"), row("b", "False", "NameTaken", "It is [taken]"))
    assert title == "rumpf-rumpf: 1 of 2 Ready"
    assert heading.split() == ["KIND", "NAME", "READY", "REASON", "MESSAGE", "AGE"]
    assert "default/b" in first
    assert "not Ready" in first
    assert "It is [taken]" in first
    assert "default/a" in second


def test_a_long_table_is_cut_and_says_so() -> None:
    lines = drawn(*(row(f"m-{number:03}") for number in range(100)))
    assert len(lines) < 35
    assert "and 75 more" in lines[-1]
    assert lines[0] == "rumpf-rumpf: 100 of 100 Ready"


def test_elsewhere_each_change_is_a_line_and_nothing_is_said_twice() -> None:
    stream = io.StringIO()
    live = Live(Lines(stream), on_terminal=False)
    with live.showing(list, "rumpf-rumpf"):
        live.changed(None, row("a", "", "", ""))
        live.changed(row("a", "", "", ""), row("a"))
        live.changed(row("a"), row("a", message="It still prints"))
        live.changed(row("a"), None)
        live.changed(None, None)
    assert stream.getvalue().splitlines() == [
        "Message default/a: not looked at yet",
        "Message default/a: Ready Printing It prints",
        "Message default/a: deleted",
    ]


def test_on_a_terminal_nothing_is_written_while_nothing_changes() -> None:
    stream = io.StringIO()
    console = RichConsole(file=stream, force_terminal=True, width=120, height=30)
    with RichLive(console=console, auto_refresh=False) as live:
        looks = redrawn(live, table_of([row("a")], "x"), None)
        written = stream.getvalue()
        assert "default/a" in written
        assert redrawn(live, table_of([row("a")], "x"), looks) == looks
        assert stream.getvalue() == written
        redrawn(live, table_of([row("a"), row("b")], "x"), looks)
        assert "default/b" in stream.getvalue()


def test_on_a_terminal_the_last_state_is_what_stays(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    rows = [row("a", "False")]
    live = Live(Lines(), on_terminal=True)
    with live.showing(lambda: rows, "x"):
        live.say("above it")
        rows[:] = [row("b")]
    shown = capsys.readouterr().err
    assert shown.index("default/a") < shown.index("above it") < shown.rindex("default/b")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--set=MAX_ROLLOUTS=abc"], "MAX_ROLLOUTS: it cannot be 'abc'"),
        (["--set=ABSENT=1"], "no operator has a setting ABSENT"),
        (["--set=MAX_ROLLOUTS"], "is no KEY=VALUE"),
        (["--grant=absent"], "no operator has a grant absent"),
        (["--grant=secrets=Team"], "'Team' is not the name of a namespace"),
        (["massage"], "there is no"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_is_refused_before_there_is_a_cluster(
    arguments: list[str], what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def never(*_: object, **__: object) -> None:
        pytest.fail("a cluster is brought up")

    monkeypatch.setenv("RUMPF_CACHE", str(tmp_path))
    monkeypatch.setattr("rumpf.cluster.up", never)
    result = CliRunner().invoke(cli, ["up", *arguments])
    assert isinstance(result.exception, UsageError)
    assert what in str(result.exception)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(5, "5s"), (300, "5m"), (3 * 3600, "3h"), (72 * 3600, "3d"), (-5, "0s")]
)
def test_ages_are_told_as_kubectl_tells_them(seconds: int, shown: str) -> None:
    assert age((datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()) == shown
    assert age("") == "-"


class Slow(Show):
    """A show that takes its time to end."""

    def __init__(self) -> None:
        choice = Choice((), {}, {}, "none", in_cluster=False, image=None, logs=False, cluster="x", once=None)
        super().__init__(choice, Live(Lines(io.StringIO())), 0.0, is_new=True)
        self.may_end = threading.Event()

    async def _play(self) -> None:
        await asyncio.to_thread(self.may_end.wait)


def test_ctrl_c_while_it_is_waited_for_does_not_make_it_look_ended() -> None:
    show = Slow()
    show.start()
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            show.has_ended(60)
        assert not show.has_ended(0)
    finally:
        signal.signal(signal.SIGALRM, before)
        show.may_end.set()
    assert show.has_ended(60)
