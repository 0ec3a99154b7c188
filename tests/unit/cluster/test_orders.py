"""Nonsense at a supervisor's control socket harms nobody but whoever sends it."""

import socket
import time
from collections.abc import Callable, Generator
from contextlib import chdir
from pathlib import Path

import pytest

from rumpf.cluster import supervisor as supervisor_module
from rumpf.cluster.plan import Component, Plan
from rumpf.cluster.supervisor import Supervisor

Tell = Callable[[bytes], bytes]


@pytest.fixture
def supervisor(tmp_path: Path) -> Generator[Supervisor]:
    """A supervisor of one component that does not run, which has started to listen."""
    ours, theirs = socket.socketpair()
    with chdir(tmp_path), ours, theirs:
        made = Supervisor(Plan((), (Component("one", ("true",)),)), theirs, print, bound_to_parent=True)
        yield made
        for caller in tuple(made._callers):  # noqa: SLF001
            made._part_with(caller)  # noqa: SLF001
        made._listener.close()  # noqa: SLF001 - nobody else does, short of the end of the process
        made._selector.close()  # noqa: SLF001


@pytest.fixture
def tell(supervisor: Supervisor) -> Tell:
    """Say something to it and let it act on that; what it answers."""

    def say(text: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect("control.sock")
            client.sendall(text)
            client.shutdown(socket.SHUT_WR)
            supervisor._accept(supervisor._listener)  # noqa: SLF001 - one turn of its loop
            return client.makefile("rb").read()

    return say


@pytest.mark.parametrize(
    "text", [b"", b"\n", b"x\n", b"\xff\xfe\n", b"\x00\n", b"{\n", b"[1,\n", b'{"do": "status"\n']
)
def test_what_is_no_json_gets_no_answer(tell: Tell, text: bytes) -> None:
    assert tell(text) == b""
    assert b"components" in tell(b'{"do": "status"}\n')


@pytest.mark.parametrize("text", [b"null", b"[]", b"1", b'"down"', b'["down"]', b"{}", b'{"do": null}'])
def test_what_is_no_order_is_refused(tell: Tell, text: bytes) -> None:
    assert b'"remedy"' in tell(text + b"\n")


@pytest.mark.parametrize(
    "text",
    [b'{"do": "kill", "component": []}', b'{"do": {}, "component": "one"}', b"[" * 100_000],
    ids=["list", "dict", "deep"],
)
def test_an_order_of_the_wrong_type_is_no_end_of_the_cluster(tell: Tell, text: bytes) -> None:
    tell(text + b"\n")


@pytest.mark.parametrize("begun", [b"", b'{"do":'])
def test_whoever_does_not_finish_a_question_is_in_nobodys_way_and_forgotten_in_the_end(
    supervisor: Supervisor, tell: Tell, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("control.sock")
        client.sendall(begun)
        asked = time.monotonic()
        supervisor._accept(supervisor._listener)  # noqa: SLF001
        assert b"components" in tell(b'{"do": "status"}\n')
        assert time.monotonic() - asked < 0.5
        monkeypatch.setattr(supervisor_module, "_SILENCE", 0.0)
        supervisor._forget_the_silent()  # noqa: SLF001
        client.settimeout(5)
        assert client.recv(100) == b""


def test_a_question_may_come_in_pieces(supervisor: Supervisor) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("control.sock")
        client.sendall(b'{"do":')
        supervisor._accept(supervisor._listener)  # noqa: SLF001
        (caller,) = supervisor._callers  # noqa: SLF001
        client.sendall(b'"status"}\n')
        supervisor._attend(caller)  # noqa: SLF001
        client.settimeout(5)
        assert b"components" in client.makefile("rb").read()


def test_a_question_without_end_is_not_listened_to(supervisor: Supervisor) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("control.sock")
        client.setblocking(False)  # noqa: FBT003 - the standard library's signature
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            supervisor_hears_without_end(supervisor, client)


def supervisor_hears_without_end(supervisor: Supervisor, client: socket.socket) -> None:
    client.send(b"x")
    supervisor._accept(supervisor._listener)  # noqa: SLF001
    (caller,) = supervisor._callers  # noqa: SLF001
    for _ in range(100):
        client.send(b"x" * 65536)
        if caller in supervisor._callers:  # noqa: SLF001
            supervisor._attend(caller)  # noqa: SLF001


def test_whoever_asks_and_leaves_is_not_missed(supervisor: Supervisor, tell: Tell) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("control.sock")
        client.sendall(b'{"do": "status"}\n')
    supervisor._accept(supervisor._listener)  # noqa: SLF001
    assert b"components" in tell(b'{"do": "status"}\n')


def test_an_order_answers_how_the_component_is_now(tell: Tell) -> None:
    assert b'"state": "held"' in tell(b'{"do": "hold", "component": "one"}\n')
    assert b'"state": "waiting"' in tell(b'{"do": "release", "component": "one"}\n')
