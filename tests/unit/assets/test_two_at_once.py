"""Several processes that want the same binary, and what is left when one of them is killed half-way."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO

import pytest

from tests.unit.assets.origin import Origin
from tests.unit.assets.scene import KWOK_URL, Scene, binary

KWOK = binary("kwok version v0.8.0 go1.26.8 (linux/amd64)")
HALF = 150_000

PROGRAM = textwrap.dedent("""
    import sys
    from pathlib import Path
    from rumpf.cluster.assets import Assets, pins
    from rumpf.console import Lines

    pins.PINS = Path(sys.argv[1])
    print(Assets(console=Lines()).ensure(["kwok"])["kwok"], flush=True)
""")


@pytest.fixture
def slow(scene: Scene, origin: Origin) -> Origin:
    """Publish kwok; half of it arrives, then nothing more until the test says so."""
    origin.files[KWOK_URL] = KWOK
    origin.stall_after = HALF
    scene.pin("kwok", KWOK_URL, KWOK)
    return origin


@contextmanager
def another(scene: Scene) -> Generator[subprocess.Popen[str]]:
    """Start a process that wants kwok."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, scene.pins], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def until(stream: IO[str] | None, words: str) -> str:
    """Read lines until one has these words in it."""
    assert stream
    for line in stream:
        if words in line:
            return line
    raise AssertionError(f"it ended and never said {words!r}")


def test_the_second_waits_says_so_and_finds_it_in_the_cache(scene: Scene, slow: Origin) -> None:
    with another(scene) as first:
        assert slow.stalled.wait(30)
        with another(scene) as second:
            line = until(second.stderr, "waiting")
            slow.go_on.set()
            paths = {process.communicate(timeout=60)[0] for process in (first, second)}

    assert f"another process ({first.pid}) is getting it" in line
    assert (first.returncode, second.returncode) == (0, 0)
    assert len(paths) == 1
    assert len(slow.requests) == 1


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_one_that_is_stopped_half_way_leaves_the_lock_free_and_its_part_to_go_on_from(
    scene: Scene, slow: Origin, blow: signal.Signals
) -> None:
    with another(scene) as first:
        assert slow.stalled.wait(30)
        while not part_size(scene):
            os.sched_yield()  # what was sent is about to arrive
        first.send_signal(blow)
        first.wait(30)
    arrived = part_size(scene)
    slow.go_on.set()

    path = scene.assets().ensure(["kwok"])["kwok"]

    assert first.returncode in {-blow, 1}
    assert path.read_bytes() == KWOK
    assert [asked for _, asked in slow.requests] == ["", f"bytes={arrived}-"]
    assert scene.left_over() == []
    assert "waiting" not in scene.told


def test_ctrl_c_while_waiting_for_another_ends_the_wait(scene: Scene, slow: Origin) -> None:
    with another(scene) as first:
        assert slow.stalled.wait(30)
        with another(scene) as second:
            until(second.stderr, "waiting")
            second.send_signal(signal.SIGINT)
            second.wait(30)
            slow.go_on.set()
            first.communicate(timeout=60)

    assert second.returncode in {-signal.SIGINT, 1}
    assert first.returncode == 0


def test_many_at_once_download_once(scene: Scene, slow: Origin) -> None:
    slow.stall_after = None
    with another(scene) as one, another(scene) as two, another(scene) as three, another(scene) as four:
        processes = (one, two, three, four)
        for process in processes:
            process.communicate(timeout=120)
        codes = [process.returncode for process in processes]

    assert codes == [0, 0, 0, 0]
    assert len(slow.requests) == 1


def part_size(scene: Scene) -> int:
    return sum(each.stat().st_size for each in (scene.cache / "downloads").glob("*.part"))
