"""An operator's process: what it takes, and its end."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")
_GRACE = 15


@dataclass(frozen=True)
class Process:
    """A process of its own; what it writes goes into a file."""

    popen: "subprocess.Popen[bytes]"
    log: Path

    @classmethod
    def start(cls, command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path) -> Self:
        """Start it: as it is deployed, with bytecode that was compiled before."""
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        with log.open("ab") as stream:
            popen = subprocess.Popen(
                command,
                env={**inherited, **environment},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        return cls(popen, log)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.popen.poll() is None

    def cpu(self) -> float:
        """Seconds of processor time that it has taken."""
        return cpu_of(self.popen.pid)

    def memory(self, field: str = "VmRSS") -> float:
        """Return MiB that are resident; with VmHWM, the most that ever were."""
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(field)) / 1024

    def kill(self) -> None:
        """Kill it, with no chance to say good-bye."""
        self.popen.kill()
        self.popen.wait()

    def stop(self) -> None:
        """Ask it to stop, and see that it does."""
        self.popen.terminate()
        try:
            self.popen.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self.kill()


def cpu_of(pid: int) -> float:
    """Return the seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
