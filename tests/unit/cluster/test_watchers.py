"""Guard and supervisor, with shell scripts as components: they start, end and start again."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Generator
from contextlib import chdir, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rumpf.cluster import control, ownership
from rumpf.cluster.plan import Component, File, Plan
from rumpf.cluster.session import Session, Taken
from rumpf.cluster.setup import Setup
from rumpf.errors import ClusterError, ClusterExists, ComponentDied, NoSuchCluster

FOREVER = ("/bin/sleep", "1000")
LIMIT = 10.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a cluster to be."""
    return tmp_path / "clusters" / "one"


@contextmanager
def cluster(folder: Path, *components: Component, files: tuple[File, ...] = ()) -> Generator[Session]:
    """Start a cluster of these components."""
    with Session(Setup.hosted(folder, {}, None, {"name": "one"})) as session:
        session.carry_out(Plan(files, components))
        yield session


def shell(name: str, script: str, **more: Any) -> Component:  # noqa: ANN401
    return Component(name, ("/bin/sh", "-c", script), **more)


def test_files_are_written_and_components_run(folder: Path) -> None:
    with cluster(
        folder,
        shell("one", 'cat pki/key > seen; echo "$WORD"; exec sleep 1000', env={"WORD": "hello"}),
        files=(File("pki/key", "secret"), File("known", "to all", mode=0o644)),
    ) as session:
        soon(lambda: (folder / "logs" / "one.log").read_text() == "hello\n", session)
        assert (folder / "seen").read_text() == "secret"
        for path in (folder / "pki" / "key", folder / "logs" / "one.log"):
            assert path.stat().st_mode & 0o777 == 0o600
        assert (folder / "known").stat().st_mode & 0o777 == 0o644
        for path in (folder, folder / "pki", folder / "logs"):
            assert path.stat().st_mode & 0o777 == 0o700
    assert list(folder.parent.iterdir()) == []


def test_a_component_waits_for_its_phase(folder: Path) -> None:
    with cluster(folder, Component("late", FOREVER, after="ready")) as session:
        soon(lambda: status(folder)["late"]["state"] == "waiting", session)
        session.reached("serving")
        session.check(0.05)
        assert status(folder)["late"]["state"] == "waiting"
        session.reached("ready")
        soon(lambda: status(folder)["late"]["state"] == "running", session)


def test_a_component_that_dies_once_is_started_again(folder: Path) -> None:
    with cluster(folder, Component("one", FOREVER)) as session:
        soon(lambda: status(folder)["one"]["pid"], session)
        first = status(folder)["one"]["pid"]
        os.kill(first, signal.SIGTERM)
        soon(lambda: status(folder)["one"]["restarts"] and status(folder)["one"]["pid"], session)
        again = status(folder)["one"]
        assert (again["restarts"], again["last_exit"]) == (1, "killed by SIGTERM")
        assert again["pid"] != first


def test_a_component_that_cannot_live_ends_the_start_with_its_last_words(folder: Path) -> None:
    with cluster(folder, shell("poor", "seq 20; echo no such flag >&2; exit 7")) as session:
        with pytest.raises(ComponentDied, match="poor does not start: ended with exit code 7") as refusal:
            session.check(LIMIT)
        assert refusal.value.what.splitlines()[1:] == [*map(str, range(10, 21)), "no such flag"]
        assert "rumpf cluster assets" in refusal.value.remedy


def test_once_the_cluster_is_ready_it_is_started_again_as_often_as_it_takes(folder: Path) -> None:
    with cluster(folder, shell("poor", "exit 7")) as session:
        session.settle()
        soon(lambda: status(folder)["poor"]["restarts"] == 3, session)
        session.check(0.05)


def test_a_port_that_is_taken_is_a_reason_to_try_another(folder: Path) -> None:
    complaint = "listen tcp 127.0.0.1:1: bind: address already in use"
    with cluster(folder, shell("one", f"echo {complaint}; exit 1")) as session, pytest.raises(Taken):
        session.check(LIMIT)


def test_a_component_can_be_held_down_and_frozen_and_let_go(folder: Path) -> None:
    with cluster(folder, Component("one", FOREVER)) as session:
        soon(lambda: status(folder)["one"]["pid"], session)
        pid = status(folder)["one"]["pid"]
        order(folder, "freeze")
        soon(lambda: process_state(pid) == "T", session)
        assert status(folder)["one"]["state"] == "frozen"
        order(folder, "release")
        soon(lambda: process_state(pid) == "S", session)
        order(folder, "hold")
        soon(lambda: status(folder)["one"]["pid"] is None, session)
        session.check(0.3)  # longer than a dead one has to wait
        assert status(folder)["one"]["state"] == "held"
        order(folder, "release")
        soon(lambda: status(folder)["one"]["pid"], session)


def test_orders_that_make_no_sense_are_refused_and_harm_nothing(folder: Path) -> None:
    with cluster(folder, Component("one", FOREVER)) as session:
        soon(lambda: status(folder)["one"]["pid"], session)
        for nonsense in ("x", "[]", "1", "null", ""):
            speak(folder, nonsense)
        with pytest.raises(ClusterError, match="this cluster has no component 'two'\n  -> it has: one"):
            control.ask(folder, {"do": "kill", "component": "two"})
        with pytest.raises(ClusterError, match="unknown order 'dance'"):
            control.ask(folder, {"do": "dance", "component": "one"})
        assert status(folder)["one"]["state"] == "running"


def test_a_name_that_is_taken_is_left_alone(folder: Path) -> None:
    with cluster(folder, Component("one", FOREVER)) as session:
        soon(lambda: status(folder)["one"]["pid"], session)
        begun = time.monotonic()
        with cluster(folder) as rival, pytest.raises(ClusterExists, match="a cluster of this name is up"):
            rival.check(LIMIT)
        assert time.monotonic() - begun < 3
        assert status(folder)["one"]["state"] == "running"


def test_a_released_cluster_outlives_its_owner(folder: Path) -> None:
    with cluster(folder, Component("one", FOREVER)) as session:
        soon(lambda: status(folder)["one"]["pid"], session)
        session.settle()
        session.release()
    assert status(folder)["one"]["state"] == "running"
    control.ask(folder, {"do": "down"})
    assert ownership.wait_until_free(folder, LIMIT)
    assert list(folder.parent.iterdir()) == []
    with pytest.raises(NoSuchCluster):
        control.ask(folder, {"do": "status"})


@pytest.mark.parametrize("victim", ["guard", "supervisor"])
def test_each_of_the_two_cleans_up_after_the_other(folder: Path, victim: str) -> None:
    with cluster(folder, shell("one", "sleep 30 & echo $!; wait")) as session:
        soon((folder / "logs" / "one.log").read_text, session)
        component = status(folder)["one"]["pid"]
        os.kill(json.loads((folder / "cluster.json").read_text())[victim], signal.SIGKILL)
        assert ownership.wait_until_free(folder, LIMIT)
        soon(lambda: not list(folder.parent.iterdir()))
        soon(lambda: has_ended(component))


def test_a_child_that_inherited_the_wire_to_the_guard_does_not_keep_the_cluster_up(folder: Path) -> None:
    with cluster(folder, Component("one", FOREVER)) as session:
        soon(lambda: status(folder)["one"]["pid"], session)
        wire = session._orders.fileno()  # noqa: SLF001 - what a fork would have
        with subprocess.Popen(FOREVER, pass_fds=[wire]) as child:
            begun = time.monotonic()
            session.close()
            assert time.monotonic() - begun < 5
            child.kill()
    assert list(folder.parent.iterdir()) == []


def test_a_session_that_is_closed_before_there_is_a_plan_waits_for_nobody(folder: Path) -> None:
    session = Session(Setup.hosted(folder, {}, None, {"name": "one"}))
    with subprocess.Popen(FOREVER, pass_fds=[session._orders.fileno()]) as child:  # noqa: SLF001
        begun = time.monotonic()
        session.close()
        assert time.monotonic() - begun < 5
        child.kill()
    assert list(folder.parent.iterdir()) == []


@pytest.mark.parametrize("victim", ["guard", "supervisor"])
def test_a_folder_that_is_another_clusters_by_now_is_left_alone(folder: Path, victim: str) -> None:
    with cluster(folder, Component("one", FOREVER)) as session:
        soon(lambda: status(folder)["one"]["pid"], session)
        watchers = json.loads((folder / "cluster.json").read_text())
        # Somebody deletes all of it, and brings another up.
        ownership.lock_path(folder).unlink()
        folder.rename(folder.with_name("old"))
        with ownership.taken(folder):
            folder.mkdir()
            (folder / "mine").touch()
            os.kill(watchers[victim], signal.SIGKILL)
            soon(lambda: all(has_ended(watchers[each]) for each in ("guard", "supervisor")))
            assert (folder / "mine").exists()
            assert ownership.lock_path(folder).exists()


def test_whoever_connects_and_says_nothing_keeps_nobody_waiting(folder: Path) -> None:
    with cluster(folder, Component("one", FOREVER)) as session:
        soon(lambda: status(folder)["one"]["pid"], session)
        with chdir(folder), socket.socket(socket.AF_UNIX) as silent:
            silent.connect(control.SOCKET)
            begun = time.monotonic()
            assert status(folder)["one"]["state"] == "running"
            assert time.monotonic() - begun < 0.5


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for somebody else")
def test_what_root_makes_for_a_person_is_theirs_from_the_start() -> None:
    folder = Path(tempfile.mkdtemp(prefix="theirs-"))
    try:
        os.chown(folder, 65534, 65534)
        setup = replace(
            Setup.hosted(folder / "cache/clusters/one", {}, None, {"name": "one"}), owner=(65534, 65534)
        )
        with Session(setup) as session:
            session.carry_out(Plan((), (Component("one", FOREVER),)))
            soon(lambda: status(folder / "cache/clusters/one")["one"]["pid"], session)
            made = [folder / "cache", *folder.glob("cache/**/*")]
            assert {path.name for path in made} >= {"cache", "clusters", "one", "one.lock", "one.log"}
            theirs = {path for path in made if path.stat().st_uid == path.stat().st_gid == 65534}
            assert set(made) - theirs <= {folder / "cache/clusters/one/control.sock"}
        assert list(folder.glob("cache/clusters/*")) == []
    finally:
        shutil.rmtree(folder)


def test_a_cluster_ends_when_its_owner_is_killed(folder: Path) -> None:
    owner = textwrap.dedent("""
        import sys
        from pathlib import Path
        from rumpf.cluster.plan import Component, Plan
        from rumpf.cluster.session import Session
        from rumpf.cluster.setup import Setup

        session = Session(Setup.hosted(Path(sys.argv[1]), {}, None, {}))
        session.carry_out(Plan((), (Component("one", ("/bin/sleep", "1000")),)))
        sys.stdin.read()
    """)
    with subprocess.Popen([sys.executable, "-c", owner, str(folder)], stdin=subprocess.PIPE) as process:
        soon((folder / "control.sock").exists)
        process.kill()
    assert ownership.wait_until_free(folder, LIMIT)
    assert list(folder.parent.iterdir()) == []


def test_a_guard_that_ends_without_a_word_is_reported(folder: Path) -> None:
    with cluster(folder, Component("one", FOREVER)) as session:
        soon((folder / "control.sock").exists, session)
        os.kill(json.loads((folder / "cluster.json").read_text())["guard"], signal.SIGKILL)
        with pytest.raises(ClusterError, match="its guard ended before the cluster was ready"):
            session.check(LIMIT)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        cluster(tmp_path / "file" / "one") as session,
        pytest.raises(ClusterError, match=r"file: (Not a directory|File exists)\n  -> .*RUMPF_CACHE"),
    ):
        session.check(LIMIT)


def soon(true: Callable[[], Any], session: Session | None = None) -> None:
    """Look often until it is true; what is not there yet is not true."""
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            if true():
                return
        except (OSError, NoSuchCluster):
            pass
        assert time.monotonic() < deadline
        session.check(0.005) if session else time.sleep(0.005)


def status(folder: Path) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in control.ask(folder, {"do": "status"})["components"]}


def order(folder: Path, do: str) -> None:
    control.ask(folder, {"do": do, "component": "one"})


def speak(folder: Path, text: str) -> None:
    """Say something to the supervisor that is no order."""
    program = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect('control.sock');"
        "s.sendall(sys.argv[1].encode() + b'\\n'); s.shutdown(1); s.recv(1000)"
    )
    subprocess.run([sys.executable, "-c", program, text], cwd=folder, check=True)


def has_ended(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists() or process_state(pid) == "Z"


def process_state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
