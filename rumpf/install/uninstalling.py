"""Takes an operator out of a cluster again; people's own objects only where that is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from rumpf.api import Api
from rumpf.api.client import MERGE
from rumpf.console import Console, counted
from rumpf.errors import ApiError, InstallError
from rumpf.install.applying import Change
from rumpf.install.asking import NOT_FOUND, Deadline, delete, patiently, read
from rumpf.install.belongings import Belonging, belongings, some, take_away
from rumpf.install.kinds import CRD, DEPLOYED, DEPLOYMENT, LEASE, SERVICE_ACCOUNT, kind_in
from rumpf.install.overview import leader_of
from rumpf.kinds import Kind
from rumpf.manifests.reading import part, parts, words

_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v1,application/json"


@dataclass(frozen=True)
class Users:
    """The objects of one of an operator's kinds, which people made."""

    kind: Kind
    names: tuple[tuple[str, str], ...]
    """Namespaces and names."""
    held: tuple[tuple[str, str], ...]
    """Those with a finalizer of the operator's: they can only be deleted while it runs."""

    def __str__(self) -> str:
        return f"{len(self.names)} {self.kind}"


@dataclass(frozen=True)
class Removal:
    """What would go with an operator."""

    operator: str
    parts: tuple[Belonging, ...]
    crds: tuple[Belonging, ...]
    users: tuple[Users, ...]
    leader: str = ""
    """Who is at work, in the cluster or elsewhere: that one can deal with finalizers."""

    @property
    def empty(self) -> bool:
        """Whether nothing of it is there."""
        return not self.parts and not self.crds

    @property
    def lost(self) -> str:
        """How many objects of people's would go with the CRDs, kind by kind."""
        return " and ".join(map(str, self.users))


async def removal(api: Api, operator: str) -> Removal:
    """Look at what is installed of an operator, and at what people have made with it."""
    parts = await belongings(api, operator, DEPLOYED)
    crds = await belongings(api, operator, (CRD,))
    users = [await _users(api, crd) for crd in crds]
    leaders = [
        await leader_of(api, each.namespace, f"{operator}-operator")
        for each in parts
        if each.kind == SERVICE_ACCOUNT
    ]
    leader = next((each.holder for each in leaders if each.alive), "")
    return Removal(operator, tuple(parts), tuple(crds), tuple(each for each in users if each.names), leader)


async def uninstall(
    api: Api, going: Removal, console: Console, *, crds: bool, abandon: bool, seconds: float
) -> list[Change]:
    """Remove it, and wait until it is gone. With `crds`, those and all objects of their kinds too.

    `abandon`: objects whose finalizers the operator does not take away any more are let go; what it made for
    them outside of the cluster stays.
    """
    deadline = Deadline.after(seconds)
    changes: list[Change] = []
    if crds:
        await _let_go(api, going, console, abandon=abandon)
        # While the operator is still at work: it has to deal with its finalizers.
        try:
            changes += await take_away(api, going.crds, deadline, console)
        except InstallError as error:
            raise await _with_those_left(api, going, error) from error
    changes += await take_away(api, going.parts, deadline, console)
    for namespace in {each.namespace for each in going.parts if each.kind in {DEPLOYMENT, SERVICE_ACCOUNT}}:
        changes += await _lease(api, namespace, f"{going.operator}-operator")
    return changes


async def _with_those_left(api: Api, going: Removal, error: InstallError) -> InstallError:
    """Say which of people's objects keep a CRD from going."""
    left = [
        f"{users.kind.kind} {namespace}/{name}"
        for users in [await _users(api, crd) for crd in going.crds]
        for namespace, name in users.names
    ]
    if not left:
        return error
    return InstallError(
        f"{error.what}; still there: {some(left)}",
        where=error.where,
        remedy="see what holds those: whose finalizers are they? Then run this again",
    )


async def _lease(api: Api, namespace: str, name: str) -> list[Change]:
    """Delete the Lease, which the operator itself has made, if its namespace is still there."""
    if await read(api, LEASE, namespace, name) is None:
        return []
    await delete(api, LEASE, namespace, name)
    return [Change(LEASE.kind, namespace, name, "deleted")]


async def _users(api: Api, crd: Belonging) -> Users:
    kind = kind_in(crd.raw)
    try:
        text = await patiently(lambda: api.read("GET", kind.path(), accept=_METADATA))
    except ApiError as error:
        # Not served: it never was established, or is on its way out.
        if error.status == NOT_FOUND:
            return Users(kind, (), ())
        raise
    found = [part(each, "metadata") for each in parts(orjson.loads(text), "items")]
    prefix = f"{kind.group}/"
    return Users(
        kind,
        tuple(_name(each) for each in found),
        tuple(
            _name(each)
            for each in found
            if any(finalizer.startswith(prefix) for finalizer in words(each, "finalizers"))
        ),
    )


def _name(metadata: Mapping[str, Any]) -> tuple[str, str]:
    return str(metadata.get("namespace", "")), str(metadata["name"])


async def _let_go(api: Api, going: Removal, console: Console, *, abandon: bool) -> None:
    held = [(users.kind, namespace, name) for users in going.users for namespace, name in users.held]
    if not held or going.leader:
        return
    if not abandon:
        raise InstallError(
            f"{counted(len(held), 'object')} held by a finalizer that only the operator takes away, and it "
            f"does not run: {some([f'{kind.kind} {namespace}/{name}' for kind, namespace, name in held])}",
            where=f"{going.operator}-operator",
            remedy=f"rumpf install {going.operator} (or run), and then this again; or --abandon, if what it "
            "made for them outside of the cluster may stay",
        )
    for kind, namespace, name in held:
        console.say(f"{going.operator}: {kind.kind} {namespace}/{name} is abandoned")
        await _without_finalizers(api, kind, namespace, name)


async def _without_finalizers(api: Api, kind: Kind, namespace: str, name: str) -> None:
    found = await read(api, kind, namespace, name)
    if found is None:
        return
    ours = f"{kind.group}/"
    left = [each for each in words(found, "metadata", "finalizers") if not each.startswith(ours)]
    patch = {"metadata": {"finalizers": left, "resourceVersion": found["metadata"]["resourceVersion"]}}
    await patiently(lambda: api.request("PATCH", kind.path(namespace, name), patch, content_type=MERGE))
