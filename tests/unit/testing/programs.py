"""Programs that stand in for docker, kind and kubectl, and write down how they are called."""

from pathlib import Path

import pytest

_PREAMBLE = """#!/bin/sh
here=$(dirname "$0")
echo "$(basename "$0") $*" >> "$here/calls"
"""


class Programs:
    """A folder that is all there is on PATH, but for the system's own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        system = folder / "system"
        system.mkdir()
        for name in ("sh", "dirname", "basename", "cat", "echo", "sleep", "tr"):
            (system / name).symlink_to(
                Path("/bin") / name if (Path("/bin") / name).exists() else Path("/usr/bin") / name
            )
        monkeypatch.setenv("PATH", f"{folder}:{system}")

    def add(self, name: str, script: str) -> Path:
        """Add a program."""
        path = self.folder / name
        path.write_text(_PREAMBLE + script)
        path.chmod(0o755)
        return path

    @property
    def calls(self) -> list[str]:
        """How they were called so far."""
        log = self.folder / "calls"
        return log.read_text().splitlines() if log.exists() else []
