"""Starts a command anew whenever a source file changes; what is broken waits for the next change."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rumpf.console import Console

_GLANCE = 0.3


def rerun(arguments: Sequence[str], folder: Path, console: Console) -> int:
    """Run `rumpf` with these arguments, again and again, until a signal comes; return the last exit code."""
    ended: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: ended.append(number))
    while True:
        seen = _state(folder)
        # Ctrl-C at a terminal reaches us alone: we pass it on, once.
        child = subprocess.Popen([sys.executable, "-m", "rumpf", *arguments], process_group=0)
        while not ended and child.poll() is None and _state(folder) == seen:
            time.sleep(_GLANCE)
        failed = child.poll()
        if failed is None:
            child.send_signal(ended[0] if ended else signal.SIGTERM)
            code = _end(child, ended)
        else:
            code = failed
        if ended:
            return code
        if failed is not None:
            console.say(f"it ended with {code}; waiting for a change in {folder}")
            while not ended and _state(folder) == seen:
                time.sleep(_GLANCE)
            if ended:
                return code
        console.say(f"{folder.name} has changed: starting anew")


def _end(child: "subprocess.Popen[bytes]", ended: Sequence[int]) -> int:
    """Wait until it has ended; a second signal to us kills it."""
    before = len(ended)
    while child.poll() is None:
        if len(ended) > max(before, 1):
            child.kill()
        time.sleep(_GLANCE / 10)
    return child.wait()


def _state(folder: Path) -> dict[Path, tuple[int, int]]:
    """When each source file was changed last, and how big it is."""
    found: dict[Path, tuple[int, int]] = {}
    for path in folder.rglob("*.py"):
        try:
            stat = path.stat()
        except OSError:
            continue
        found[path] = (stat.st_mtime_ns, stat.st_size)
    return found
