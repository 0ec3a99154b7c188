"""A command that is started anew whenever its source changes."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from rumpf.console import Lines
from rumpf.install.reloading import rerun
sys.exit(rerun(["--version"], Path(sys.argv[1]), Lines(sys.stdout)))
"""


def test_it_runs_again_after_a_change_and_ends_with_a_signal(tmp_path: Path) -> None:
    (tmp_path / "operator.py").write_text("one")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    lines: list[str] = []

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)  # noqa: PERF402 - each as it comes

    reader = threading.Thread(target=read)
    reader.start()

    def until(text: str, times: int) -> None:
        last = time.monotonic() + 60
        while sum(text in line for line in lines) < times:
            assert time.monotonic() < last, lines
            time.sleep(0.02)

    try:
        until("waiting for a change", 1)
        (tmp_path / "operator.py").write_text("another")
        until("has changed", 1)
        until("waiting for a change", 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()
        reader.join(timeout=60)
        assert process.stdout is not None
        process.stdout.close()
    assert sum(line.startswith("rumpf ") for line in lines) == 2
