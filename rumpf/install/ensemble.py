"""All operators of a project at work on one embedded cluster, each as itself, with their samples."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rumpf.api import Api
from rumpf.cluster.ports import free_port
from rumpf.console import Console
from rumpf.errors import ApiError, ClusterError, ImageError, NoSuchCluster
from rumpf.install.applying import Change
from rumpf.install.asking import Deadline
from rumpf.install.belongings import belongings
from rumpf.install.identity import Identity, kubeconfig_in, private_folder
from rumpf.install.installing import Order, install
from rumpf.install.kinds import DEPLOYMENT
from rumpf.install.local_images import (
    Image,
    image_for,
    local_samples,
    local_settings,
    put_into_node,
    settings_for,
)
from rumpf.install.process import OperatorChild, Seat
from rumpf.install.samples import make
from rumpf.install.standin import Cast, grant
from rumpf.install.target import Target, of_cluster
from rumpf.kinds import Kind
from rumpf.manifests import Options, render
from rumpf.objects import Manifest
from rumpf.operator import Operator

if TYPE_CHECKING:
    from rumpf.cluster import Cluster, Nodes

_EVERY = 0.05
_OF_NO_INTEREST = ("DEBUG", "INFO")


@dataclass(frozen=True)
class Score:
    """What is to be played, and on what."""

    operators: Mapping[str, Operator]
    settings: Mapping[str, Mapping[str, str]]
    """What was chosen for each of them."""
    grants: Mapping[str, Mapping[str, tuple[str, ...]]]
    """Where each of their grants is given, if not as they say themselves."""
    root: Path
    """The project's folder."""
    nodes: "Nodes"
    in_cluster: bool = False
    image: str | None = None
    talkative: bool = False
    """Show all that the operators log, not only what they warn of."""
    patience: float = 300.0

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """All kinds that the operators reconcile."""
        return tuple(kind for operator in self.operators.values() for kind in operator.kinds)


class Ensemble:
    """The operators. They get ready while their cluster comes up, so far as they can."""

    def __init__(self, score: Score, console: Console, closing: AsyncExitStack) -> None:
        self.score = score
        self._console = console
        self._closing = closing
        self.ended: set[str] = set()
        """The operators that have ended, though nobody asked them to."""
        self._watching: set[asyncio.Task[None]] = set()
        self._samples = {name: self._samples_of(each) for name, each in score.operators.items()}

    async def perform(self, find: Callable[[], "Cluster"], *, is_new: bool) -> tuple[Target, list[Change]]:
        """Have all operators at work, and their samples there, as soon as the cluster is found to be."""
        operators = self.score.operators.values()
        players: dict[str, _Player] = {}
        if not self.score.in_cluster:
            for each in operators:
                players[each.name] = await self._closing.enter_async_context(self._player(each))
        target = await _serving(find, Deadline.after(self.score.patience))
        api = await self._closing.enter_async_context(Api(target.connection, agent="rumpf-up"))
        if self.score.in_cluster:
            await asyncio.gather(*(self._install(api, target, each) for each in operators))
        else:
            playing = [players[each.name] for each in operators]
            await asyncio.gather(
                *(self._loaded(target, each.operator, None, each.options.settings) for each in playing),
                *(self._begin(api, target, each, is_new=is_new) for each in playing),
            )
        made = [
            await make(api, sample, _versions(each))
            for each in operators
            for sample in self._samples[each.name]
        ]
        for change in made:
            self._console.say(f"sample: {change}")
        return target, made

    def _samples_of(self, operator: Operator) -> tuple[Manifest, ...]:
        samples = render(operator).samples
        is_real = self.score.nodes == "real"
        return local_samples(operator, samples, self._console) if is_real else samples

    async def _install(self, api: Api, target: Target, operator: Operator) -> None:
        chosen = self.score.settings[operator.name]
        image = image_for(target, operator, self.score.image, self.score.root, self._console)
        settings = settings_for(target, operator, chosen, self._console)
        await self._loaded(target, operator, image, settings)
        options = Options(image=image.name, settings=settings, grants=self.score.grants[operator.name])
        await install(api, target, Order(operator, options, image.digest), self._console)

    @asynccontextmanager
    async def _player(self, operator: Operator) -> "AsyncGenerator[_Player]":
        """Have a process import what the operator needs; end it afterwards."""
        chosen = self.score.settings[operator.name]
        local = local_settings(operator, chosen, self._console) if self.score.nodes == "real" else {}
        options = Options(settings={**chosen, **local}, grants=self.score.grants[operator.name])
        with private_folder() as folder:
            namespace = render(operator, options).namespace
            seat = Seat(self.score.root, namespace, kubeconfig_in(folder), f"127.0.0.1:{free_port()}")
            child = await OperatorChild.prepare(operator, seat.environment(operator, options), captured=True)
            try:
                yield _Player(operator, options, namespace, folder, child)
            finally:
                await child.stop()

    async def _begin(self, api: Api, target: Target, player: "_Player", *, is_new: bool) -> None:
        operator = player.operator
        if not is_new and (there := await belongings(api, operator.name, (DEPLOYMENT,))):
            self._console.say(
                f"{operator.name}: installed already, as Deployment {there[0].namespace}/{there[0].name}"
            )
            return
        cast = Cast(operator, player.options, self.score.root)
        await grant(api, target, cast, player.options, self._console)
        await self._closing.enter_async_context(
            Identity(api, player.namespace, operator.full_name, self._console, folder=player.folder)
        )
        player.child.start()
        listening = asyncio.create_task(self._listen(player), name=f"log of {operator.name}")
        self._watching.add(listening)

    async def _listen(self, player: "_Player") -> None:
        """Show what an operator logs, if that is of interest, and that it has ended, if it does."""
        shown = True
        async for line in player.child.lines():
            words = line.split(maxsplit=2)
            if len(words) > 1 and words[1].isupper():
                shown = words[1] not in _OF_NO_INTEREST
            if shown or self.score.talkative:
                self._console.say(f"{player.operator.name} | {line}")
        code = await player.child.wait()
        if not player.child.stopping:
            self.ended.add(player.operator.name)
            self._console.say(f"{player.operator.name}: ended with {code}")

    async def _loaded(
        self, target: Target, operator: Operator, image: Image | None, settings: Mapping[str, str]
    ) -> None:
        """Put images into the node, as soon as it takes them: of a new one, that is before it is Ready."""
        deadline = Deadline.after(self.score.patience)

        async def loaded() -> bool | None:
            try:
                samples = self._samples[operator.name]
                await asyncio.to_thread(
                    put_into_node, target, operator, image, settings, self._console, samples=samples
                )
            except ImageError:
                if deadline.passed:
                    raise
                return None
            return True

        await deadline.poll(loaded)


@dataclass(frozen=True)
class _Player:
    operator: Operator
    options: Options
    namespace: str
    folder: Path
    child: OperatorChild


def _versions(operator: Operator) -> list[Kind]:
    """Return the operator's kinds, in all versions that are served."""
    types = [each.resource for each in operator.reconcilers]
    return [one.names.kind for each in types for one in (each, *each.names.other_versions)]


async def _serving(find: Callable[[], "Cluster"], deadline: Deadline) -> Target:
    """Wait until the cluster's API server is ready."""

    async def found() -> Target | None:
        try:
            return of_cluster(find())
        except (NoSuchCluster, ApiError, OSError, ValueError):
            return None  # half of it is written

    target = await deadline.poll(found, every=_EVERY)
    if target is not None:
        async with Api(target.connection, agent="rumpf-up") as api:

            async def ready() -> bool | None:
                try:
                    await api.read("GET", "/readyz", timeout=2.0)
                except ApiError:
                    return None
                return True

            if await deadline.poll(ready, every=_EVERY):
                return target
    raise ClusterError(
        f"its API server is not ready after {deadline.seconds:.0f} s",
        remedy="rumpf cluster status tells more",
    )
