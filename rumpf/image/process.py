"""Run the programs that make images, and turn their failure into an error a person can act on."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

from rumpf.errors import ImageError

_LAST_LINES: Final = 15
_LIMIT: Final = 1800.0


def run(
    command: Sequence[str],
    *,
    where: str,
    remedy: str,
    env: Mapping[str, str] | None = None,
    limit: float = _LIMIT,
) -> str:
    """Run `command` and return its stdout.

    Where it fails or takes more than `limit` seconds, the ImageError names `where`, what the
    program said last, and the `remedy`.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, **(env or {})},
            timeout=limit,
            check=False,
        )
    except OSError as error:
        what = f"{command[0]} cannot be run: {error.strerror}"
        raise ImageError(what, remedy=remedy, where=where) from error
    except subprocess.TimeoutExpired as error:
        what = f"{command[0]} did not end within {limit:.0f} s"
        raise ImageError(what, remedy=remedy, where=where) from error
    if done.returncode != 0:
        said = last_lines(done.stderr or done.stdout)
        what = f"{command[0]} failed (exit code {done.returncode}). It said:\n{said}"
        raise ImageError(what, remedy=remedy, where=where)
    return done.stdout


def last_lines(text: str, count: int = _LAST_LINES) -> str:
    """Return the last lines of what a program said, indented; or that it said nothing."""
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(f"    {line}" for line in lines[-count:]) or "    (nothing)"
