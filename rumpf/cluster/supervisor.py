"""The process that a cluster's components are children of: it starts, watches and ends them.

With a real node it is the first process of the cluster's own world: when it dies, the kernel kills
everything else in it. It has one thread, no secrets of its own, and needs the standard library only.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from rumpf.cluster import containerd, control
from rumpf.cluster.plan import File, Phase, Plan
from rumpf.cluster.process import PASSING, Process, allow_many_files, answers, describe, run

_TICK = 0.01
_DEATHS_TO_GIVE_UP = 3
_SILENCE = 10.0
"""Whoever has not finished a question after so long is not listened to any more."""

Say = Callable[[dict[str, Any]], None]


class Supervisor:
    """Carries out a plan until it is told to stop, or its guard dies."""

    def __init__(self, plan: Plan, guard: socket.socket, say: Say, *, bound_to_parent: bool) -> None:
        self._guard = guard
        self._say = say
        self._bound = bound_to_parent
        self._settled = False
        self._phases: set[Phase] = set()
        self._down = False
        self._preparing: dict[int, tuple[str, ...]] = {}
        self._to_prepare = list(plan.prepare)
        self._selector = selectors.DefaultSelector()
        logs = Path("logs")
        logs.mkdir(exist_ok=True, mode=0o700)
        self._logs = logs
        for file in plan.files:
            write(file)
        self._processes = {component.name: Process(component, logs) for component in plan.components}
        self._callers: list[control.Caller] = []
        self._listener = control.listen()

    def run(self) -> None:
        """Work until the end: an order to go down, or the guard's death."""
        allow_many_files()
        self._wake_on_dead_children()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._guard, selectors.EVENT_READ, self._hear_guard)
        while not self._down:
            self._start_what_is_due()
            for key, _ in self._selector.select(self._patience()):
                key.data(key.fileobj)
            self._reap()
            self._forget_the_silent()

    def _start_what_is_due(self) -> None:
        for process in self._processes.values():
            if process.due(self._phases):
                if not process.start(bound_to_parent=self._bound):
                    self._tell_of_death(process)
                elif not self._settled:
                    self._say({"event": "started", "component": process.component.name})
        while self._to_prepare and answers(containerd.SOCKET):
            try:
                pid = run(
                    self._to_prepare[0],
                    dict(os.environ),
                    self._logs / "prepare.log",
                    bound_to_parent=self._bound,
                )
            except OSError as error:
                if error.errno not in PASSING:
                    raise
                return  # the next turn tries again
            self._preparing[pid] = self._to_prepare.pop(0)

    def _patience(self) -> float | None:
        waiting = any(process.state == "waiting" for process in self._processes.values())
        if waiting or self._to_prepare:
            return _TICK
        return _SILENCE if self._callers else None

    def _wake_on_dead_children(self) -> None:
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._selector.register(reader, selectors.EVENT_READ, lambda _: os.read(reader, 4096))

    def _reap(self) -> None:
        by_pid = {process.pid: process for process in self._processes.values()}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if process := by_pid.get(pid):
                process.died(status)
                self._tell_of_death(process)
            elif (argv := self._preparing.pop(pid, None)) and status != 0:
                tail = (self._logs / "prepare.log").read_text(errors="replace")
                self._say({"event": "failed", "component": argv[0], "exit": describe(status), "tail": tail})

    def _tell_of_death(self, process: Process) -> None:
        if self._settled:
            return  # nobody reads any more: a full pipe would stop us
        final = process.restarts >= _DEATHS_TO_GIVE_UP
        self._say(
            {
                "event": "failed" if final else "died",
                "component": process.component.name,
                "exit": process.last_exit,
                "tail": process.tail(),
            }
        )

    def _hear_guard(self, guard: socket.socket) -> None:
        said = guard.recv(4096)
        if not said:
            self._down = True
        self.hear(said)

    def hear(self, said: bytes) -> None:
        """Act on the guard's words: how far the API server is, and when all is."""
        for word in said.decode().split():
            if word == "settled":
                # From here on a death is repaired for as long as it takes.
                self._settled = True
            else:
                self._phases.add(cast("Phase", word))

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            caller = control.Caller(listener.accept()[0])
            self._callers.append(caller)
            self._selector.register(caller.client, selectors.EVENT_READ, lambda _: self._attend(caller))
            self._attend(caller)

    def _attend(self, caller: control.Caller) -> None:
        # Whoever asks nonsense, goes away in mid-question or says nothing harms nobody but themselves.
        try:
            question = caller.question()
            if question is None:
                return
            caller.answer(self._answer(json.loads(question)))
        except (OSError, ValueError, TypeError, RecursionError):
            pass
        self._part_with(caller)

    def _forget_the_silent(self) -> None:
        for caller in [each for each in self._callers if time.monotonic() - each.since > _SILENCE]:
            self._part_with(caller)

    def _part_with(self, caller: control.Caller) -> None:
        self._callers.remove(caller)
        self._selector.unregister(caller.client)
        caller.client.close()

    def _answer(self, request: object) -> dict[str, Any]:
        order = cast("dict[str, Any]", request) if isinstance(request, dict) else {}
        do, name = order.get("do"), order.get("component")
        if do == "status":
            return {"components": [process.describe() for process in self._processes.values()]}
        if do == "down":
            self._down = True
            return {}
        if name not in self._processes:
            return {
                "error": f"this cluster has no component {name!r}",
                "remedy": f"it has: {', '.join(self._processes)}",
            }
        process = self._processes[name]
        orders: dict[Any, Callable[[], None]] = {
            "kill": lambda: process.kill(hold=False),
            "hold": lambda: process.kill(hold=True),
            "freeze": process.freeze,
            "release": process.release,
        }
        if do not in orders:
            return {"error": f"unknown order {do!r}", "remedy": f"orders: status, down, {', '.join(orders)}"}
        orders[do]()
        return process.describe()


def kill_descendants(*, everything: bool, patience: float = 5.0) -> None:
    """Kill what this process started and wait until it is dead.

    `everything`: this is the first process of its own world, so all the others in it are meant.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with contextlib.suppress(ProcessLookupError):
            if everything:
                os.kill(-1, signal.SIGKILL)
            else:
                for child in _children():
                    os.kill(child, signal.SIGKILL)
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.002)
        except ChildProcessError:
            return


def _children() -> list[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(child) for child in listed]


def write(file: File) -> None:
    """Write a file of the plan; never readable by others for a moment, not even while it is written."""
    path = Path(file.path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w") as stream:
        os.fchmod(handle, file.mode)  # what `open` is told is cut by the umask
        stream.write(file.text)


def configure_network(ip: str, commands: str) -> None:
    """Run a batch of `ip` commands in this network namespace."""
    subprocess.run([ip, "-batch", "-"], input=commands, text=True, check=True, capture_output=True)
