"""What is said while a cluster comes up for tests: nothing when it is quick, all when it takes long."""

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, cast

import pytest

from rumpf.console import Lines

_QUICK = 6.0


class Progress(Lines):
    """Keeps its lines to itself for some seconds; then says them all, past pytest's capturing.

    A first cluster may take minutes to fetch its binaries, and nobody should wonder what goes on.
    """

    def __init__(self, config: pytest.Config) -> None:
        super().__init__(sys.stderr)
        self._config = config
        self._begun = time.monotonic()
        self._kept: list[str] = []

    def say(self, text: str) -> None:
        """Print the line, or keep it while things may still be quick."""
        self._kept.append(text)
        if time.monotonic() - self._begun < _QUICK:
            return
        with self._uncaptured():
            # Not the stream of the start: that one is captured.
            sys.stderr.write("".join(f"\nrumpf: {line}" for line in self._kept))
            sys.stderr.flush()
        self._kept.clear()

    def _uncaptured(self) -> AbstractContextManager[None]:
        capturing = cast("_Capturing | None", self._config.pluginmanager.getplugin("capturemanager"))
        return nullcontext() if capturing is None else capturing.global_and_fixture_disabled()


class _Capturing(Protocol):
    """As much of pytest's own plugin as is used."""

    def global_and_fixture_disabled(self) -> AbstractContextManager[None]:
        """Let output through for the length of a block."""
        ...
