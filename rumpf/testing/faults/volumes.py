"""A full volume: a file that nobody sees takes all the space there is."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rumpf.errors import FaultError
from rumpf.testing.faults import ballast
from rumpf.testing.faults.episodes import Episodes
from rumpf.testing.faults.pods import Pod, main_process
from rumpf.testing.faults.world import World

_PATIENCE = 10.0


@contextmanager
def fill(world: World, episodes: Episodes, pod: Pod, path: str, container: str | None) -> Generator[None]:
    """Fill the file system at `path` in a container for the length of a block."""
    process = main_process(world, pod, pod.container(container))
    devices = ",".join(str(device) for device in machine_devices(Path("/proc/self/mountinfo").read_text()))
    # By its text: the package may lie where the cluster's world has its own files.
    program = Path(ballast.__file__).read_text()
    helper = subprocess.Popen(
        world.command(sys.executable, "-I", "-S", "-c", program, str(process), path, devices),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def let_go() -> None:
        helper.communicate(timeout=_PATIENCE)

    try:
        told = json.loads(helper.stdout.readline() if helper.stdout else "")
    except ValueError:
        _, said = helper.communicate(timeout=_PATIENCE)
        raise FaultError(
            f"{path} cannot be filled: {said.strip()}", remedy="see the error above", where=str(pod)
        ) from None
    if "refused" in told:
        let_go()
        raise FaultError(
            f"{path} is not filled: {told['refused']}",
            remedy="use a PersistentVolumeClaim, or an emptyDir with medium: Memory and a sizeLimit",
            where=str(pod),
        )
    with episodes.lasting(f"{pod}: {path} filled with {told['filled'] / 2**20:.1f} MiB", let_go):
        yield


def machine_devices(mounts: str) -> list[int]:
    """Return the devices of all file systems that the machine itself has mounted."""
    found = {line.split()[2] for line in mounts.splitlines()}
    return sorted(os.makedev(int(major), int(minor)) for major, minor in (each.split(":") for each in found))
