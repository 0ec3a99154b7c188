"""What `rumpf up` does beside its main thread, which brings the cluster up and hears Ctrl-C."""

import asyncio
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rumpf.cli.choosing import grants_of_each, settings_of_each
from rumpf.cli.live import Live
from rumpf.errors import ApiError, InstallError
from rumpf.project import find

if TYPE_CHECKING:
    from rumpf.api import Api
    from rumpf.cluster import Cluster, Nodes
    from rumpf.install.applying import Change
    from rumpf.install.ensemble import Ensemble
    from rumpf.install.sight import Row, Sight
    from rumpf.kinds import Kind

_EVERY = 0.05


@dataclass(frozen=True)
class Choice:
    """What a person asked for."""

    names: tuple[str, ...]
    settings: Mapping[str, str]
    grants: Mapping[str, tuple[str, ...]]
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
        self._leaving = False
        self._cluster: Cluster | None = None
        self._up, self._stopped, self._ended = threading.Event(), threading.Event(), threading.Event()

    def begin(self, cluster: "Cluster") -> None:
        """Tell it that the cluster is up."""
        self._cluster = cluster
        self._up.set()

    def stop(self) -> None:
        """End it, in order."""
        self._stopped.set()

    def has_ended(self, seconds: float | None = None) -> bool:
        """Wait until it has, or so many seconds; tell whether it has.

        Unlike `join`, which a Ctrl-C in the middle of it leaves believing that the thread has ended.
        """
        return self._ended.wait(seconds)

    def run(self) -> None:
        """Do all of it."""
        try:
            asyncio.run(self._play())
        except BaseException as error:  # noqa: BLE001 - the main thread raises it again
            self.error = error
        finally:
            self._ended.set()

    async def _play(self) -> None:
        playing = asyncio.create_task(self._perform())
        while not playing.done() and not self._stopped.is_set():
            await asyncio.wait({playing}, timeout=_EVERY)
        if not self._leaving:
            # What is on its way out is not interrupted: it has operators to end, and connections to close.
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
        score = Score(
            selected,
            settings_of_each(selected.values(), self.choice.settings),
            grants_of_each(selected.values(), self.choice.grants),
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
                    await self._look(Waited(api, sight, samples, score.kinds), ensemble)
            finally:
                self._leaving = True
                watching.cancel()
                self.rows = list(sight.rows.values())

    async def _look(self, waited: "Waited", ensemble: "Ensemble") -> None:
        """Say when all samples are Ready; go on until stopped, unless that was all."""
        while waiting := await waited.for_what():
            await asyncio.sleep(_EVERY)
            if self.choice.once is None:
                continue
            passed = time.monotonic() - self._begun
            if ensemble.ended or passed > self.choice.once:
                why = f", {' and '.join(sorted(ensemble.ended))} ended" if ensemble.ended else ""
                raise InstallError(
                    f"not Ready after {passed:.0f} s: {', '.join(waiting)}{why}",
                    where=self.choice.cluster,
                    remedy="the lines above tell why; --logs shows all that the operators log",
                )
        self.seconds = round(time.monotonic() - self._begun, 2)
        count = "the sample is" if waited.count == 1 else f"all {waited.count} samples are"
        self.console.say(f"{count} Ready, {self.seconds:.1f} s after the command")
        if self.choice.once is None:
            self.console.say("Ctrl-C ends it")
            await _until(self._stopped)


class Waited:
    """The samples that are waited for: those of the operators' kinds, and Deployments beside them."""

    def __init__(
        self, api: "Api", sight: "Sight", samples: "Iterable[Change]", kinds: "Iterable[Kind]"
    ) -> None:
        self._api, self._sight, self._samples = api, sight, list(samples)
        own = {each.kind for each in kinds}
        self._own = {(each.kind, each.namespace, each.name) for each in self._samples if each.kind in own}
        self.count = len(self._own)
        """How many are of the operators' kinds."""

    async def for_what(self) -> list[str]:
        """Return those that are not Ready yet."""
        from rumpf.install.samples import unavailable

        own = sorted("/".join(key[1:]) for key in self._own if not _is_ready(self._sight.rows.get(key)))
        try:
            return own or await unavailable(self._api, self._samples)
        except ApiError as error:
            return [str(error)]


async def _until(event: threading.Event) -> None:
    """Wait for what the main thread says."""
    while not event.is_set():  # noqa: ASYNC110 - it comes from another thread
        await asyncio.sleep(_EVERY)


def _is_ready(row: "Row | None") -> bool:
    return row is not None and row.is_ready
