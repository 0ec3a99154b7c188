"""Engines that are not on every machine, played by scripts that note what they were told."""

import json
import os
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stage:
    """A PATH on which nothing is but what a test puts there."""

    folder: Path
    notes: Path

    def play(self, program: str, script: str = "") -> None:
        """Put `program` on PATH: it notes its arguments, then runs `script` (sh)."""
        note = f"import json, sys; open({str(self.notes)!r}, 'a').write(json.dumps(sys.argv[1:]) + chr(10))"
        path = self.folder / program
        python = shlex.quote(os.path.realpath("/proc/self/exe"))
        path.write_text(
            f'#!/bin/sh\n{python} -c {shlex.quote(note)} {program} "$@"\nPATH=/usr/bin:/bin\n{script}\n'
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def said(self) -> list[list[str]]:
        """Return every command that was run, in order."""
        return (
            [json.loads(line) for line in self.notes.read_text().splitlines()] if self.notes.exists() else []
        )
