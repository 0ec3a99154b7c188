"""What belongs to an operator in a cluster, found by its labels; and how it is taken away."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rumpf.api import Api
from rumpf.console import Console
from rumpf.errors import ApiError, InstallError
from rumpf.install.applying import Change, Outcome
from rumpf.install.asking import Deadline, delete, held, listed, read, refusal
from rumpf.install.kinds import CRD, DEPLOYED, DEPLOYMENT, NAMESPACE
from rumpf.install.namespaces import strangers
from rumpf.kinds import Kind
from rumpf.manifests.naming import MANAGED_BY_LABEL, OPERATOR_LABEL

_SHOWN = 3


@dataclass(frozen=True)
class Belonging:
    """One object of an operator's installation."""

    kind: Kind
    namespace: str
    name: str
    uid: str
    operator: str
    raw: dict[str, Any]

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is called, in the whole cluster."""
        return (self.kind.kind, self.namespace, self.name)


async def belongings(
    api: Api, operator: str = "", kinds: Iterable[Kind] = (*DEPLOYED, CRD)
) -> list[Belonging]:
    """Return all that is labelled as an operator's (any operator's), in the order in which it is applied."""
    selector = f"{MANAGED_BY_LABEL}=rumpf,{OPERATOR_LABEL}{f'={operator}' if operator else ''}"

    async def of_kind(kind: Kind) -> list[Belonging]:
        try:
            return [_belonging(kind, each) async for each in listed(api, kind, labels=selector)]
        except ApiError as error:
            raise refusal(error, str(kind), "cannot be listed") from error

    return [each for found in await asyncio.gather(*map(of_kind, kinds)) for each in found]


def _belonging(kind: Kind, raw: dict[str, Any]) -> Belonging:
    metadata = raw["metadata"]
    labels = metadata["labels"]
    return Belonging(
        kind, metadata.get("namespace", ""), metadata["name"], metadata["uid"], labels[OPERATOR_LABEL], raw
    )


async def take_away(
    api: Api,
    going: Sequence[Belonging],
    deadline: Deadline,
    console: Console,
    *,
    dry_run: bool = False,
) -> list[Change]:
    """Delete objects, the last applied first, and wait until they are gone; say so, one by one.

    A namespace in which others live is kept.
    """
    changes: list[Change] = []
    for each in reversed(going):
        others = await strangers(api, each.name, each.operator) if each.kind == NAMESPACE else []
        if not others and not dry_run:
            await _delete(api, each, deadline)
        outcome: Outcome = "kept" if others else "deleted"
        why = f"others live in it: {some(others)}" if others else ""
        changes.append(Change(each.kind.kind, each.namespace, each.name, outcome, why))
        console.say(f"{each.operator}: {changes[-1]}")
    return changes


def some(names: Sequence[str]) -> str:
    """Return the first few of some names, and how many more there are."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


async def _delete(api: Api, one: Belonging, deadline: Deadline) -> None:
    what = f"{one.kind.kind} {one.namespace}/{one.name}" if one.namespace else f"{one.kind.kind} {one.name}"
    try:
        # The Deployment goes after its Pods: the operator stops in order while it still has its rights.
        await delete(api, one.kind, one.namespace, one.name, uid=one.uid, in_order=one.kind == DEPLOYMENT)
    except ApiError as error:
        raise refusal(error, what, "cannot be deleted") from error

    async def gone() -> bool | None:
        found = await read(api, one.kind, one.namespace, one.name)
        return True if found is None or found["metadata"]["uid"] != one.uid else None

    if not await deadline.poll(gone, every=0.05):
        found = await read(api, one.kind, one.namespace, one.name) or {}
        raise InstallError(
            f"it is not gone after {deadline.seconds:.0f} s{held(found)}",
            where=what,
            remedy="see what holds it: finalizers, or Pods that do not end; then run this again",
        )
