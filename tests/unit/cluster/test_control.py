"""The wire on which orders are given: what is asked, what comes back, and what is said where nothing does."""

import os
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, chdir
from pathlib import Path

import pytest

from rumpf.cluster import control
from rumpf.errors import ClusterError, NoSuchCluster

Answering = Callable[[bytes | None], list[bytes]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cluster's folder, deeper down than the path of a socket may be long."""
    folder = tmp_path.joinpath(*["a-rather-long-name-for-a-folder"] * 5, "one")
    folder.mkdir(parents=True)
    assert len(str(folder)) > 107
    return folder


@pytest.fixture
def stranger(folder: Path) -> Generator[None]:
    """Be somebody who may not enter the folder that it lies in."""
    mode, user = folder.parent.stat().st_mode, os.geteuid()
    folder.parent.chmod(0)
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)
    folder.parent.chmod(mode)


@pytest.fixture
def answering(folder: Path) -> Generator[Answering]:
    """Let a supervisor give one answer (None: hang up); the list grows with what it is asked."""
    with ExitStack() as stack:

        def start(answer: bytes | None) -> list[bytes]:
            asked: list[bytes] = []
            with chdir(folder):
                server = stack.enter_context(control.listen())
            server.setblocking(True)  # noqa: FBT003 - the standard library's signature

            def serve() -> None:
                client, _ = server.accept()
                with client, client.makefile("rb") as questions:
                    asked.append(questions.readline())
                    for byte in answer or b"":
                        client.sendall(bytes([byte]))

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            stack.callback(thread.join, 5)
            return asked

        yield start


def test_an_order_is_a_line_and_so_is_its_answer_however_long_the_path(
    folder: Path, answering: Answering
) -> None:
    asked = answering(b'{"components": []}\n')
    assert control.ask(folder, {"do": "status"}) == {"components": []}
    assert asked == [b'{"do": "status"}\n']


def test_a_refusal_says_what_and_what_to_do(folder: Path, answering: Answering) -> None:
    answering(b'{"error": "no such part", "remedy": "name another"}\n')
    with pytest.raises(ClusterError) as refusal:
        control.ask(folder, {"do": "kill", "component": "x"})
    assert str(refusal.value) == "one: no such part\n  -> name another"


def test_a_supervisor_that_hangs_up_is_going_down(folder: Path, answering: Answering) -> None:
    answering(None)
    with pytest.raises(NoSuchCluster, match="one: no such cluster is up"):
        control.ask(folder, {"do": "status"})


def test_where_there_is_no_folder_there_is_no_cluster(folder: Path) -> None:
    with pytest.raises(NoSuchCluster, match="two: no such cluster is up\n  -> rumpf cluster status lists"):
        control.ask(folder.with_name("two"), {"do": "status"})


def test_where_there_is_no_socket_there_is_no_cluster(folder: Path) -> None:
    with pytest.raises(NoSuchCluster):
        control.ask(folder, {"do": "status"})


def test_where_nobody_listens_any_more_there_is_no_cluster(folder: Path) -> None:
    with chdir(folder):
        control.listen().close()
    assert (folder / control.SOCKET).exists()
    with pytest.raises(NoSuchCluster):
        control.ask(folder, {"do": "status"})


def test_a_supervisor_that_says_nothing_is_not_waited_for_for_ever(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_PATIENCE", 0.05)
    with chdir(folder), control.listen(), pytest.raises(ClusterError, match="does not answer") as refusal:
        control.ask(folder, {"do": "status"})
    assert not isinstance(refusal.value, NoSuchCluster)
    assert "rumpf cluster down" in refusal.value.remedy


def test_a_supervisor_that_more_wait_for_than_may_is_waited_for_too(folder: Path) -> None:
    with ExitStack() as stack:
        with chdir(folder):
            stack.enter_context(control.listen())
            for _ in range(32):
                client = stack.enter_context(socket.socket(socket.AF_UNIX))
                client.setblocking(False)  # noqa: FBT003 - the standard library's signature
                client.connect_ex(control.SOCKET)
        with pytest.raises(ClusterError, match="does not answer to 'status'"):
            control.ask(folder, {"do": "status"}, patience=0.05)


def test_where_the_folder_is_a_file_there_is_no_cluster(folder: Path) -> None:
    folder.with_name("two").touch()
    with pytest.raises(NoSuchCluster, match="two: no such cluster is up"):
        control.ask(folder.with_name("two"), {"do": "status"})


def test_a_cluster_of_somebody_else_obeys_them_and_not_us(folder: Path, stranger: None) -> None:
    assert stranger is None
    with pytest.raises(ClusterError, match=f"one: {folder} is not yours to enter") as refusal:
        control.ask(folder, {"do": "down"})
    assert not isinstance(refusal.value, NoSuchCluster)
    assert "--name" in refusal.value.remedy


@pytest.mark.parametrize("answer", [b'{"components', b"no JSON\n"])
def test_an_answer_that_makes_no_sense_is_no_traceback(
    folder: Path, answering: Answering, answer: bytes
) -> None:
    answering(answer)
    with pytest.raises(ClusterError):
        control.ask(folder, {"do": "status"})


def test_only_the_folder_of_the_cluster_has_the_socket(folder: Path) -> None:
    with chdir(folder), control.listen() as server:
        assert server.family == socket.AF_UNIX
        assert [path.name for path in folder.iterdir()] == [control.SOCKET]
