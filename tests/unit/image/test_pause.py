import os
import platform
import shutil
import signal
import struct
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rumpf.image.oci import Architecture, host_architecture
from rumpf.image.pause import SANDBOX_IMAGE, program, sandbox_image

AGAIN = -1

on_linux = pytest.mark.skipif(platform.system() != "Linux", reason="it is a Linux program")


@pytest.fixture
def pause(tmp_path: Path) -> Path:
    path = tmp_path / "pause"
    path.write_bytes(program(host_architecture()))
    path.chmod(0o755)
    return path


@on_linux
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_waits_and_ends_well_when_it_is_told_to(pause: Path, ending: signal.Signals) -> None:
    with subprocess.Popen([pause]) as process:
        _wait_until(lambda: _state(process.pid) == "S")
        process.send_signal(ending)
        assert process.wait(5) == 0


@on_linux
def test_being_stopped_and_continued_does_not_end_it(pause: Path) -> None:
    with subprocess.Popen([pause]) as process:
        _wait_until(lambda: _state(process.pid) == "S")
        process.send_signal(signal.SIGSTOP)
        _wait_until(lambda: _state(process.pid) == "T")
        process.send_signal(signal.SIGCONT)
        _wait_until(lambda: _state(process.pid) == "S")
        process.send_signal(signal.SIGKILL)
        assert process.wait(5) == -signal.SIGKILL


@on_linux
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="making a PID namespace takes root")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not there")
def test_as_pid_1_it_buries_orphans_and_still_ends_when_it_is_told_to(pause: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    # The shell is PID 1, leaves an orphan that waits at the gate, and becomes the program.
    script = '(cat "$1" >/dev/null &); exec "$0"'
    with subprocess.Popen(["unshare", "--pid", "--fork", "sh", "-c", script, pause, gate]) as unshare:
        _wait_until(lambda: len(_children(unshare.pid)) == 1)
        (first,) = _children(unshare.pid)
        try:
            _wait_until(lambda: Path(f"/proc/{first}/comm").read_text() == "pause\n")
            _wait_until(lambda: len(_children(first)) == 1)
            gate.write_text("go")
            _wait_until(lambda: not _children(first))
            os.kill(first, signal.SIGTERM)
            assert unshare.wait(5) == 0
        except BaseException:
            os.kill(first, signal.SIGKILL)
            raise


def test_on_arm64_it_makes_the_same_calls_in_the_same_order() -> None:
    code = program("arm64")
    assert struct.unpack_from("<4sBB", code) == (b"\x7fELF", 2, 1)
    assert struct.unpack_from("<HH", code, 16) == (2, 183)
    (entry,) = struct.unpack_from("<Q", code, 24)
    calls = list(_arm64_calls(code, entry - 0x400000))
    rt_sigaction, rt_sigprocmask, rt_sigtimedwait, exit_group = 134, 135, 137, 94
    ignored, waited_for = calls[0][2], calls[2][1]
    assert calls == [
        (rt_sigaction, 17, ignored, 0, 8),
        (rt_sigprocmask, 0, waited_for, 0, 8),
        (rt_sigtimedwait, waited_for, 0, 0, 8),
        (AGAIN, 2),
        (exit_group, 0, 0, 0, 8),
    ]
    assert struct.unpack_from("<QQQQ", code, ignored - 0x400000) == (1, 0, 0, 0)
    assert struct.unpack_from("<Q", code, waited_for - 0x400000) == (1 << 14 | 1 << 1,)


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_the_image_holds_the_program_and_runs_it_as_nobody(
    tmp_path: Path, architecture: Architecture
) -> None:
    digest = sandbox_image(tmp_path / "pause.tar", architecture)
    with tarfile.open(tmp_path / "pause.tar") as archive:
        everything = b"".join(
            content.read() for each in archive.getmembers() if (content := archive.extractfile(each))
        )
    assert digest.startswith("sha256:")
    assert program(architecture) in everything
    assert SANDBOX_IMAGE.encode() in everything
    assert b'"User":"65535:65535"' in everything
    assert f'"architecture":"{architecture}"'.encode() in everything


def test_the_image_is_written_in_less_time_than_a_person_sees(tmp_path: Path) -> None:
    took: list[float] = []
    for _ in range(5):
        start = time.perf_counter()
        sandbox_image(tmp_path / "pause.tar")
        took.append(time.perf_counter() - start)
    assert min(took) < 0.02


def _arm64_calls(code: bytes, offset: int) -> Iterator[tuple[int, ...]]:
    """Run the moves, and give each system call with its number and first four arguments.

    A jump back to where the code for the n-th call starts is (AGAIN, n).
    """
    registers = [0] * 31
    begun_at: list[int] = []
    start = offset
    while True:
        (word,) = struct.unpack_from("<I", code, offset)
        if word >> 23 == 0b110100101:  # movz
            registers[word & 31] = (word >> 5 & 0xFFFF) << 16 * (word >> 21 & 3)
        elif word >> 23 == 0b111100101:  # movk
            shift = 16 * (word >> 21 & 3)
            kept = registers[word & 31] & ~(0xFFFF << shift)
            registers[word & 31] = kept | (word >> 5 & 0xFFFF) << shift
        elif word == 0xD4000001:  # svc #0
            yield registers[8], *registers[:4]
            begun_at.append(start)
            start = offset + 4
            if registers[8] == 94:
                return
        elif word >> 24 == 0b10110111 and word >> 19 & 31 == 31 and word & 31 == 0:  # tbnz x0, #63
            distance = (word >> 5 & 0x3FFF) - 0x4000  # backwards
            yield AGAIN, begun_at.index(offset + 4 * distance)
            start = offset + 4
        else:
            raise AssertionError(f"an instruction that should not be there: {word:08x}")
        offset += 4


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < give_up, "it did not come to pass within 5 s"
        time.sleep(0.005)
