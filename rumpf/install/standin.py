"""Runs an operator from here in the place of its Pods: same account, same rights, same Lease."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rumpf.api import Api
from rumpf.api.client import MERGE
from rumpf.cluster.ports import free_port
from rumpf.console import Console
from rumpf.errors import InstallError
from rumpf.install.applying import STAND_IN, Applier
from rumpf.install.asking import Deadline, patiently
from rumpf.install.belongings import Belonging, belongings
from rumpf.install.identity import Identity, private_folder
from rumpf.install.installing import Order, apply
from rumpf.install.kinds import DEPLOYMENT, NAMESPACE, RIGHTS
from rumpf.install.namespaces import check_namespaces
from rumpf.install.process import OperatorChild, Seat
from rumpf.install.target import Target
from rumpf.kinds import Kind
from rumpf.manifests import Options, render
from rumpf.operator import Operator

_PATIENCE = 60.0
_A_MOMENT = 0.5
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Cast:
    """Who plays whom: an operator of a project, run from here."""

    operator: Operator
    options: Options
    root: Path
    """The project's folder."""
    http: str = ""
    """Where metrics and probes are served; empty: at a free port of this machine's own."""
    take_over: bool = False
    adopt: bool = False


async def run(api: Api, target: Target, cast: Cast, console: Console) -> int:
    """Run an operator until it ends, or is told to; return its exit code."""
    options = await placed(api, cast.operator, cast.options)
    namespace = render(cast.operator, options).namespace
    with private_folder() as folder:
        async with _alone(api, cast, console):
            await grant(api, target, cast, options, console)
            identity = Identity(api, namespace, cast.operator.full_name, console, folder=folder)
            http = cast.http or f"127.0.0.1:{free_port()}"
            seat = Seat(cast.root, namespace, identity.kubeconfig, http)
            async with identity:
                where = ", ".join(options.watch) or "all namespaces"
                console.say(f"{cast.operator.name}: runs here, as {identity.user}, and watches {where}")
                console.say(f"{cast.operator.name}: metrics and probes at http://{http}/metrics")
                child = await OperatorChild.prepare(cast.operator, seat.environment(cast.operator, options))
                with _signals_to(child):
                    child.start()
                    code = await child.wait()
    console.say(
        f"{cast.operator.name}: ended with {code}; its CRD and rights stay, "
        f"rumpf uninstall {cast.operator.name} removes them"
    )
    return code


async def placed(api: Api, operator: Operator, options: Options) -> Options:
    """Return options that say where it is installed already, unless they name another place."""
    if options.namespace:
        return options
    accounts = await belongings(api, operator.name, (RIGHTS[0],))
    here = {each.namespace for each in accounts}
    if len(here) != 1 or operator.full_name in here:
        return options
    return replace(options, namespace=here.pop())


async def grant(api: Api, target: Target, cast: Cast, options: Options, console: Console) -> None:
    """Apply its CRDs, its ServiceAccount, and its rights: all that it needs but Pods."""
    order = Order(cast.operator, options, only=_is_right)
    console.say(f"{cast.operator.name}: on {target}")
    await check_namespaces(api, options.places)
    applier = Applier(api, cast.operator.name, Deadline.after(_PATIENCE), cast.adopt)
    await apply(applier, render(cast.operator, options), order, console)


def _is_right(kind: Kind) -> bool:
    return kind == NAMESPACE or kind in RIGHTS


@asynccontextmanager
async def _alone(api: Api, cast: Cast, console: Console) -> AsyncGenerator[None]:
    """See that no Pods of the operator are at work: two would not fight, but this one would only stand by."""
    deployments = await belongings(api, cast.operator.name, (DEPLOYMENT,))
    at_work = [each for each in deployments if each.raw["spec"].get("replicas", 1)]
    if at_work and not cast.take_over:
        one = at_work[0]
        raise InstallError(
            f"it runs in the cluster already ({one.raw['spec'].get('replicas', 1)} replicas), and would have "
            "the Lease: this one would only stand by",
            where=f"Deployment {one.namespace}/{one.name}",
            remedy="--take-over scales it to 0 for as long as this runs",
        )
    try:
        for each in at_work:
            place = f"{each.namespace}/{each.name}"
            console.say(f"{cast.operator.name}: scaling Deployment {place} to 0 meanwhile")
            await _scale(api, each, 0)
        yield
    finally:
        await _back(api, at_work, console)


async def _back(api: Api, scaled: Sequence[Belonging], console: Console) -> None:
    for each in scaled:
        replicas = each.raw["spec"].get("replicas", 1)
        console.say(f"{each.operator}: scaling Deployment {each.namespace}/{each.name} back to {replicas}")
        await asyncio.shield(_scale(api, each, replicas))


async def _scale(api: Api, deployment: Belonging, replicas: int) -> None:
    path = DEPLOYMENT.path(deployment.namespace, deployment.name)
    await patiently(
        lambda: api.request(
            "PATCH",
            path,
            {"spec": {"replicas": replicas}},
            params={"fieldManager": STAND_IN},
            content_type=MERGE,
        )
    )


@contextmanager
def _signals_to(child: OperatorChild) -> Generator[None]:
    """Pass signals on. Whoever sends another one, a moment later, has lost patience: it is killed."""
    loop = asyncio.get_running_loop()
    seen: list[float] = []

    def handle(number: int) -> None:
        now = loop.time()
        # Some that send a signal send it to the process and to its group.
        if not seen or now - seen[0] > _A_MOMENT:
            child.pass_on(signal.SIGKILL if seen else number)
        seen.append(now)

    for number in _SIGNALS:
        loop.add_signal_handler(number, handle, number)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
