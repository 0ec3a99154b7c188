"""What `rumpf up` does beside its main thread, which brings the cluster up and hears Ctrl-C."""

import asyncio
import threading
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rumpf.cli.choosing import settings_of_each
from rumpf.cli.live import Live
from rumpf.errors import InstallError
from rumpf.project import find

if TYPE_CHECKING:
    from rumpf.cluster import Cluster, Nodes
    from rumpf.install.applying import Change
    from rumpf.install.ensemble import Ensemble
    from rumpf.install.sight import Row, Sight

_EVERY = 0.05


@dataclass(frozen=True)
class Choice:
    """What a person asked for."""

    names: tuple[str, ...]
    settings: Mapping[str, str]
    nodes: "Nodes"
    in_cluster: bool
    image: str | None
    logs: bool
    cluster: str
    once: float | None
    """End when all samples are Ready, and fail after so many seconds; None: go on until stopped."""


class Show(threading.Thread):
    """Runs the operators, and shows what becomes of their resources, until it is stopped."""

    def __init__(self, choice: Choice, console: Live, begun: float, *, is_new: bool) -> None:
        super().__init__(name="show", daemon=True)
        self.choice = choice
        self.console = console
        self.error: BaseException | None = None
        """What ended it, if something did."""
        self.on = False
        """Whether there is something to see."""
        self.seconds: float | None = None
        """How long it took, from the command, until all samples were Ready."""
        self.rows: list[Row] = []
        self._begun = begun
        self._is_new = is_new
        self._cluster: Cluster | None = None
        self._up, self._stopped = threading.Event(), threading.Event()

    def begin(self, cluster: "Cluster") -> None:
        """Tell it that the cluster is up."""
        self._cluster = cluster
        self._up.set()

    def stop(self) -> None:
        """End it, in order."""
        self._stopped.set()

    def run(self) -> None:
        """Do all of it."""
        try:
            asyncio.run(self._play())
        except BaseException as error:  # noqa: BLE001 - the main thread raises it again
            self.error = error

    async def _play(self) -> None:
        playing = asyncio.create_task(self._perform())
        while not playing.done() and not self._stopped.is_set():
            await asyncio.wait({playing}, timeout=_EVERY)
        playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing

    async def _perform(self) -> None:
        from rumpf.api import Api
        from rumpf.cluster import attach
        from rumpf.install.ensemble import Ensemble, Score
        from rumpf.install.sight import Sight
        from rumpf.install.target import how_to_use

        project = find()
        selected = project.select(self.choice.names)
        shares = settings_of_each(selected.values(), self.choice.settings)
        score = Score(
            selected,
            shares,
            project.root,
            self.choice.nodes,
            self.choice.in_cluster,
            self.choice.image,
            self.choice.logs,
        )
        async with AsyncExitStack() as closing:
            ensemble = Ensemble(score, self.console, closing)
            target, samples = await ensemble.perform(lambda: attach(self.choice.cluster), is_new=self._is_new)
            api = await closing.enter_async_context(Api(target.connection, agent="rumpf-up"))
            sight = Sight(api, score.kinds, changed=self.console.changed, happened=self.console.say)
            watching = asyncio.create_task(sight.watch())
            try:
                await _until(self._up)
                if target.embedded is not None:
                    self.console.say(f"look:   {how_to_use(target.embedded)}")
                self.on = True
                with self.console.showing(lambda: list(sight.rows.values()), target.name):
                    await self._look(sight, samples, ensemble)
            finally:
                watching.cancel()
                self.rows = list(sight.rows.values())

    async def _look(self, sight: "Sight", samples: "list[Change]", ensemble: "Ensemble") -> None:
        """Say when all samples are Ready; go on until stopped, unless that was all."""
        wanted = {(each.kind, each.namespace, each.name) for each in samples}

        def waiting() -> "list[str]":
            return sorted("/".join(key[1:]) for key in wanted if not _is_ready(sight.rows.get(key)))

        while waiting():
            await asyncio.sleep(_EVERY)
            if self.choice.once is None:
                continue
            passed = time.monotonic() - self._begun
            if ensemble.ended or passed > self.choice.once:
                why = f", {' and '.join(sorted(ensemble.ended))} ended" if ensemble.ended else ""
                raise InstallError(
                    f"not Ready after {passed:.0f} s: {', '.join(waiting())}{why}",
                    where=self.choice.cluster,
                    remedy="the lines above tell why; --logs shows all that the operators log",
                )
        self.seconds = round(time.monotonic() - self._begun, 2)
        count = "the sample is" if len(wanted) == 1 else f"all {len(wanted)} samples are"
        self.console.say(f"{count} Ready, {self.seconds:.1f} s after the command")
        if self.choice.once is None:
            self.console.say("Ctrl-C ends it")
            await _until(self._stopped)


async def _until(event: threading.Event) -> None:
    """Wait for what the main thread says."""
    while not event.is_set():  # noqa: ASYNC110 - it comes from another thread
        await asyncio.sleep(_EVERY)


def _is_ready(row: "Row | None") -> bool:
    return row is not None and row.is_ready
