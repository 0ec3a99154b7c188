"""How the operators of a cluster are: what is installed, who leads, how many of their resources are Ready."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from rumpf.api import Api
from rumpf.errors import InstallError
from rumpf.install.asking import Json, listed, read
from rumpf.install.belongings import Belonging, belongings
from rumpf.install.kinds import CRD, DEPLOYMENT, EVENT, LEASE, SERVICE_ACCOUNT, kind_in
from rumpf.install.sight import row_of
from rumpf.install.trouble import when
from rumpf.kinds import Kind
from rumpf.manifests.reading import part

_WARNINGS = 5
_STARTS = "Startup probe failed"
"""Every Pod that starts is asked before it can answer."""


@dataclass(frozen=True)
class Leader:
    """Who holds an operator's Lease."""

    holder: str
    """A Pod, or whoever runs it elsewhere; empty if nobody does."""
    since: float
    """For so many seconds."""
    renewed: float
    """So many seconds ago."""
    alive: bool
    """Whether it has been renewed in time, by this machine's clock."""


@dataclass(frozen=True)
class Count:
    """How many resources there are of a kind."""

    kind: str
    total: int
    ready: int
    not_ready: int
    """The rest says nothing of it: no operator has looked at them yet."""


@dataclass(frozen=True)
class Warned:
    """A warning that was told as an Event."""

    at: str
    about: str
    reason: str
    message: str


@dataclass(frozen=True)
class Overview:
    """How one operator is."""

    operator: str
    namespace: str
    image: str
    """Empty where it is not deployed: then it is run from elsewhere, or not at all."""
    replicas: int
    ready: int
    leader: Leader
    kinds: tuple[Count, ...]
    warnings: tuple[Warned, ...]

    @property
    def json(self) -> dict[str, Any]:
        """As a script reads it."""
        return asdict(self)


async def overview(api: Api, wanted: Collection[str] = ()) -> list[Overview]:
    """Look at the operators that are installed, or were run, in the cluster; only at those that are wanted.

    Raises InstallError for one that is wanted and not there.
    """
    found = await belongings(api, kinds=(SERVICE_ACCOUNT, DEPLOYMENT, CRD))
    there = {each.operator for each in found}
    if missing := sorted(set(wanted) - there):
        raise InstallError(
            "it was neither installed nor run here",
            where=", ".join(missing),
            remedy=f"this is here: {', '.join(sorted(there)) or 'none of rumpf'}",
        )
    names = sorted(set(wanted) or there)
    return [await _of(api, name, [each for each in found if each.operator == name]) for name in names]


async def _of(api: Api, operator: str, parts: Iterable[Belonging]) -> Overview:
    deployment = next((each for each in parts if each.kind == DEPLOYMENT), None)
    account = next((each for each in parts if each.kind == SERVICE_ACCOUNT), None)
    namespace = next((each.namespace for each in (deployment, account) if each), "")
    kinds = [kind_in(each.raw) for each in parts if each.kind == CRD]
    spec: Json = deployment.raw["spec"] if deployment else {}
    status = part(deployment.raw if deployment else {}, "status")
    image = spec["template"]["spec"]["containers"][0]["image"] if deployment else ""
    return Overview(
        operator,
        namespace,
        image,
        spec.get("replicas", 0),
        status.get("readyReplicas", 0),
        await leader_of(api, namespace, f"{operator}-operator"),
        tuple([await _count(api, kind) for kind in kinds]),
        tuple(await _warnings(api, kinds, namespace, f"{operator}-operator")),
    )


async def leader_of(api: Api, namespace: str, name: str) -> Leader:
    """Look at who holds a Lease."""
    lease = await read(api, LEASE, namespace, name) if namespace else None
    spec = part(lease or {}, "spec")
    holder = str(spec.get("holderIdentity") or "")
    if not holder:
        return Leader("", 0.0, 0.0, alive=False)
    renewed = _ago(str(spec.get("renewTime", "")))
    alive = renewed <= float(spec.get("leaseDurationSeconds", 0))
    # A process adds what tells it from the next one of the same Pod.
    return Leader(holder.rpartition("_")[0] or holder, _ago(str(spec.get("acquireTime", ""))), renewed, alive)


async def _count(api: Api, kind: Kind) -> Count:
    total = ready = not_ready = 0
    async for each in listed(api, kind):
        row = row_of(each, kind)
        total += 1
        ready += row.ready == "True"
        not_ready += row.ready == "False"
    return Count(str(kind), total, ready, not_ready)


async def _warnings(api: Api, kinds: Iterable[Kind], namespace: str, name: str) -> list[Warned]:
    """Return the last warnings about an operator's resources, and about its own Pods."""
    resources = {kind.kind for kind in kinds}
    found = [
        each
        async for each in listed(api, EVENT, fields="type=Warning")
        if each["involvedObject"].get("kind") in resources
        or (
            each["involvedObject"].get("namespace") == namespace
            and str(each["involvedObject"].get("name", "")).startswith(name)
        )
    ]
    worth = [each for each in found if _STARTS not in str(each.get("message"))]
    return [_warned(each) for each in sorted(worth, key=when)[-_WARNINGS:]]


def _warned(event: Json) -> Warned:
    about = event["involvedObject"]
    place = "/".join(filter(None, (about.get("namespace"), about.get("name"))))
    said = " ".join(str(event.get("message") or "").split())
    return Warned(when(event), f"{about.get('kind')} {place}", str(event.get("reason", "")), said)


def _ago(timestamp: str) -> float:
    try:
        return round((datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds(), 1)
    except ValueError:
        return 0.0
