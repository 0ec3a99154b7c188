"""Waits until a Deployment's Pods run and one of them leads; says why, in their own words, if they do not."""

from collections.abc import Mapping, Sequence
from typing import Any

from rumpf.api import Api
from rumpf.console import Console
from rumpf.errors import ApiError, InstallError
from rumpf.install.asking import FORBIDDEN, Deadline, Json, listed, read
from rumpf.install.kinds import DEPLOYMENT, LEASE, NODE, POD, REPLICA_SET
from rumpf.install.trouble import Trouble, last_words, trouble_of, warnings
from rumpf.manifests.reading import part, parts
from rumpf.objects import Deployment
from rumpf.operator import Operator

_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"
_PLAYED = "kwok"
"""How the version of a kubelet begins that is only played."""


class Rollout:
    """One Deployment on its way to what it should be."""

    def __init__(
        self, api: Api, operator: Operator, namespace: str, deadline: Deadline, console: Console
    ) -> None:
        self._api = api
        self._operator = operator
        self._namespace = namespace
        self._deadline = deadline
        self._console = console
        self._told = ""

    async def finished(self) -> str:
        """Wait for it. Return the Pod that leads; nothing where Pods are only simulated."""
        if not await self._deadline.poll(self._is_out):
            raise await self._why_not()
        pods = await self._pods()
        if await self._simulated(pods):
            self._console.say(f"{self._operator.name}: its Pods are only simulated: nothing leads")
            return ""
        leader = await self._deadline.poll(self._leader)
        if leader is None:
            raise InstallError(
                f"its Pods are Ready, and none of them leads after {self._deadline.seconds:.0f} s",
                where=self._where,
                remedy=f"kubectl logs -n {self._namespace} deployment/{self._operator.full_name} tells why; "
                f"who holds it: kubectl get lease -n {self._namespace} {self._operator.full_name}",
            )
        return leader

    @property
    def _where(self) -> str:
        return f"Deployment {self._namespace}/{self._operator.full_name}"

    async def _deployment(self) -> Json:
        return await read(self._api, DEPLOYMENT, self._namespace, self._operator.full_name) or {}

    async def _is_out(self) -> bool | None:
        found = await self._deployment()
        if not found:
            raise InstallError("somebody has deleted it", where=self._where, remedy="install it again")
        status = part(found, "status")
        wanted = found["spec"]["replicas"]
        if Deployment(found).ready and status.get("replicas", 0) == wanted:
            return True
        if status.get("observedGeneration", 0) < found["metadata"]["generation"]:
            return None  # what is seen is of the generation before
        ready = min(status.get("readyReplicas", 0), status.get("updatedReplicas", 0))
        self._tell(f"{self._operator.name}: {ready} of {wanted} Pods ready")
        for pod in await self._pods():
            trouble = trouble_of(pod)
            if trouble is not None and trouble.lasting:
                raise await self._failed(trouble)
        return None

    async def _pods(self) -> list[Json]:
        """Return the Pods of its newest template."""
        found = await self._deployment()
        revision = part(found, "metadata", "annotations").get(_REVISION)
        uid = part(found, "metadata").get("uid")
        labels = f"app.kubernetes.io/name={self._operator.full_name}"
        newest = [
            each["metadata"]["labels"].get(_HASH)
            async for each in listed(self._api, REPLICA_SET, self._namespace, labels=labels)
            if part(each, "metadata", "annotations").get(_REVISION) == revision
            and any(owner["uid"] == uid for owner in parts(each, "metadata", "ownerReferences"))
        ]
        pods = listed(self._api, POD, self._namespace, labels=labels)
        return [
            each
            async for each in pods
            if each["metadata"]["labels"].get(_HASH) in newest and "deletionTimestamp" not in each["metadata"]
        ]

    async def _leader(self) -> str | None:
        lease = await read(self._api, LEASE, self._namespace, self._operator.full_name) or {}
        holder = str(part(lease, "spec").get("holderIdentity") or "").rpartition("_")[0]
        return holder if holder in {each["metadata"]["name"] for each in await self._pods()} else None

    async def _simulated(self, pods: Sequence[Json]) -> bool:
        for name in {str(pod["spec"].get("nodeName", "")) for pod in pods} - {""}:
            try:
                node = await read(self._api, NODE, "", name) or {}
            except ApiError as error:
                if error.status == FORBIDDEN:
                    return False
                raise
            return str(part(node, "status", "nodeInfo").get("kubeletVersion", "")).startswith(_PLAYED)
        return False

    def _tell(self, text: str) -> None:
        if text != self._told:
            self._told = text
            self._console.say(text)

    async def _failed(self, trouble: Trouble) -> InstallError:
        words = await last_words(self._api, self._namespace, trouble)
        return InstallError(
            "\n  ".join((f"Pod {trouble.pod}: {trouble}", *words)), where=self._where, remedy=trouble.remedy
        )

    async def _why_not(self) -> InstallError:
        for pod in await self._pods():
            if trouble := trouble_of(pod):
                return await self._failed(trouble)
        found = await self._deployment()
        conditions = parts(found, "status", "conditions")
        said = [str(each["message"]) for each in conditions if _is_bad(each)]
        said += [each async for each in warnings(self._api, self._namespace, self._operator.full_name)]
        return InstallError(
            "\n  ".join((f"it is not rolled out after {self._deadline.seconds:.0f} s", *dict.fromkeys(said))),
            where=self._where,
            remedy=f"kubectl get pods,events -n {self._namespace} shows how far it is; "
            "--timeout gives it longer",
        )


def _is_bad(condition: Mapping[str, Any]) -> bool:
    return bool((condition["status"] == "True") == (condition["type"] == "ReplicaFailure"))
