"""Applies one object as rumpf's own field manager: fields that others own are left to them."""

import asyncio
from dataclasses import dataclass
from typing import Final, Literal

from rumpf.api import Api
from rumpf.api.client import APPLY
from rumpf.errors import ApiError, InstallError
from rumpf.install.asking import NOT_FOUND, Deadline, Json, held, patiently, read, refusal
from rumpf.install.kinds import CRD, DEPLOYMENT, NAMESPACE
from rumpf.kinds import Kind
from rumpf.manifests.naming import MANAGED_BY_LABEL, OPERATOR_LABEL
from rumpf.manifests.reading import part, parts
from rumpf.objects import Manifest

MANAGER: Final = "rumpf-install"
STAND_IN: Final = "rumpf-run"
"""Who scales a Deployment down while its operator runs elsewhere: it is to be scaled up again."""
Outcome = Literal["created", "changed", "unchanged", "deleted", "kept"]

_EVERY: Final = 0.2
_COUNTS: Final = frozenset({"managedFields", "resourceVersion", "generation"})


@dataclass(frozen=True)
class Change:
    """What became of one object."""

    kind: str
    namespace: str
    name: str
    outcome: Outcome
    why: str = ""

    def __str__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.outcome:<9}  {self.kind} {place}{self.name}" + (f": {self.why}" if self.why else "")


@dataclass(frozen=True)
class Applier:
    """Applies the objects of one operator."""

    api: Api
    operator: str
    deadline: Deadline
    adopt: bool = False
    """Take over what somebody else made under the same name."""
    dry_run: bool = False
    """Only ask the API server what would happen."""
    keep_replicas: bool = False
    """Leave the number of replicas to whoever else set it: a person's `kubectl scale`, an autoscaler."""

    async def put(self, manifest: Manifest, kind: Kind) -> tuple[Change, Json]:
        """Apply an object; return what became of it, and what it is now."""
        metadata = manifest["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        what = f"{kind.kind} {namespace}/{name}" if namespace else f"{kind.kind} {name}"
        try:
            before = await self._before(kind, namespace, name, what)
            if before is not None and not self.adopt:
                self._refuse_foreign(before, what)
            now = await self._apply(self._wanted(manifest, kind, before), kind)
        except ApiError as error:
            if error.status == NOT_FOUND and self.dry_run:
                # Its namespace would only be made.
                return Change(kind.kind, namespace, name, "created"), manifest
            raise refusal(error, what) from error
        if before is None:
            outcome: Outcome = "created"
        else:
            outcome = "unchanged" if content(before) == content(now) else "changed"
        return Change(kind.kind, namespace, name, outcome), now

    async def _before(self, kind: Kind, namespace: str, name: str, what: str) -> Json | None:
        """Return what is there; wait for what is on its way out."""
        found = await read(self.api, kind, namespace, name)
        if self.dry_run:
            return found
        while found is not None and "deletionTimestamp" in found["metadata"]:
            if self.deadline.passed:
                raise InstallError(
                    f"it is still being deleted after {self.deadline.seconds:.0f} s{held(found)}",
                    where=what,
                    remedy="wait, or see what holds it",
                )
            await asyncio.sleep(_EVERY)
            found = await read(self.api, kind, namespace, name)
        return found

    def _refuse_foreign(self, before: Json, what: str) -> None:
        labels = part(before, "metadata", "labels")
        if labels.get(OPERATOR_LABEL) == self.operator:
            return
        whose = labels.get(OPERATOR_LABEL) or labels.get(MANAGED_BY_LABEL) or "somebody else"
        raise InstallError(
            f"it is there already, and is {whose}'s",
            where=what,
            remedy=f"--namespace {before['metadata']['name']} uses it and leaves it as it is"
            if before["kind"] == NAMESPACE.kind
            else "see whose it is; --adopt takes it over as it stands, and uninstall will then delete it",
        )

    def _wanted(self, manifest: Manifest, kind: Kind, before: Json | None) -> Manifest:
        if kind != DEPLOYMENT or before is None or not self.keep_replicas or not scaled(before):
            return manifest
        spec = {key: value for key, value in manifest["spec"].items() if key != "replicas"}
        return {**manifest, "spec": spec}

    async def _apply(self, manifest: Manifest, kind: Kind) -> Json:
        metadata = manifest["metadata"]
        params = {"fieldManager": MANAGER, "force": "true", "fieldValidation": "Strict"}
        if self.dry_run:
            params["dryRun"] = "All"
        path = kind.path(metadata.get("namespace", ""), metadata["name"])
        return await patiently(
            lambda: self.api.request("PATCH", path, manifest, params=params, content_type=APPLY)
        )

    async def established(self, crd: Json) -> None:
        """Wait until the API server serves a CRD."""
        name = crd["metadata"]["name"]
        why = f"not within {self.deadline.seconds:.0f} s"

        async def served() -> bool | None:
            nonlocal why
            found = await read(self.api, CRD, "", name) or {}
            for condition in parts(found, "status", "conditions"):
                match condition["type"], condition["status"]:
                    case "Established", "True":
                        return True
                    case "NamesAccepted", "False":
                        why = str(condition.get("message"))
                        return False
                    case _:
                        continue
            return None

        if not await self.deadline.poll(served, every=0.05):
            raise InstallError(
                f"the API server does not serve it: {why}",
                where=f"{CRD.kind} {name}",
                remedy=f"kubectl describe crd {name} tells more",
            )


def content(found: Json) -> Json:
    """An object without what the API server counts, and without what others report of it."""
    metadata = {key: value for key, value in found["metadata"].items() if key not in _COUNTS}
    return {key: value for key, value in found.items() if key != "status"} | {"metadata": metadata}


def scaled(deployment: Json) -> bool:
    """Whether somebody else has said how many replicas there are to be."""
    return any(
        "f:replicas" in part(each, "fieldsV1", "f:spec")
        for each in parts(deployment, "metadata", "managedFields")
        if each.get("manager") not in {MANAGER, STAND_IN}
    )
