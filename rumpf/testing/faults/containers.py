"""The death of a container's main process, and the wait until the kubelet knows of it."""

import signal as signals

from rumpf.errors import FaultError
from rumpf.testing.faults.episodes import Episodes
from rumpf.testing.faults.pods import Pod, find_pod, main_process
from rumpf.testing.faults.world import World, wait_until

_PATIENCE = 60.0


def kill_container(world: World, episodes: Episodes, pod: Pod, name: str | None, signal: str) -> None:
    """Send a signal to a container's main process; after KILL, wait until the Pod's status tells of it."""
    wanted = f"SIG{signal.removeprefix('SIG')}"
    if wanted not in signals.Signals.__members__:
        raise FaultError(
            f"there is no signal {signal!r}",
            remedy="use KILL, TERM, INT, STOP...",
            where="faults.kill_container",
        )
    container = pod.container(name)
    process = main_process(world, pod, container)
    # The shell's own kill: the program is not on every machine.
    world.run("sh", "-c", f"kill -{int(signals.Signals[wanted])} {process}")
    episodes.note(f"{pod}: {wanted} to container {container.name}")
    if wanted != "SIGKILL":
        return

    def is_known() -> bool:
        if world.get(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}") is None:
            return True
        now = find_pod(world, pod.namespace, pod.name)
        return now.uid != pod.uid or all(
            each.id != container.id for each in now.containers if each.name == container.name
        )

    wait_until(
        is_known, f"the death of container {container.name} is known", seconds=_PATIENCE, where=str(pod)
    )
