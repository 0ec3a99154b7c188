"""A cluster of its own for each phase of each rival: nothing of another is left in it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rumpf.api.client import Api
from rumpf.api.connection import connect
from rumpf.cluster import Cluster, ClusterSpec, up
from rumpf.errors import ApiError

ROOT = Path(__file__).parents[2]
NAMESPACE = "bench"
OPERATOR = "system:serviceaccount:default:operator"
"""Who every rival is; the one who makes the load is the administrator."""
_CRD = ROOT / "operators/message/k8s/crd.yaml"
_DAY = 86400
_FURNISHED_WITHIN = 60


@dataclass(frozen=True)
class Place:
    """A cluster that is up, with the CRD in it, and an identity for an operator."""

    api: Api
    kubeconfig: Path
    """The operator's."""
    logs: Path
    audit: Path
    server: int
    """The process of the API server."""


@asynccontextmanager
async def place(
    name: str, *, audit: bool = False, crd: Path = _CRD, kwok_ends_pods: bool = False
) -> AsyncIterator[Place]:
    """Bring a cluster with a fake node up, and end it afterwards. `crd`: which CRD is in it."""
    cluster = up(ClusterSpec(name, nodes="fake", audit=audit))
    try:
        async with Api(connect(str(cluster.kubeconfig)), agent="bench") as api:
            async with asyncio.timeout(_FURNISHED_WITHIN):
                await _create(api, "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
                await _install_crd(api, crd)
                if not kwok_ends_pods:
                    await _leave_ending_pods_to_us(cluster, api)
                kubeconfig = await _identity(api, cluster.kubeconfig)
            logs = cluster.folder / "logs"
            server = next(each.pid for each in cluster.status() if each.name == "kube-apiserver")
            yield Place(api, kubeconfig, logs, logs / "audit.log", server or 0)
    finally:
        cluster.down()


async def _leave_ending_pods_to_us(cluster: Cluster, api: Api) -> None:
    """Start kwok again without its stage that deletes Pods; see `seen`."""
    stages = cluster.folder / "kwok.yaml"
    kept = [each for each in stages.read_text().split("\n---\n") if "pod-is-deleted" not in each]
    stages.write_text("\n---\n".join(kept))
    cluster.order("kill", "kwok")
    # The new one would wait until the dead one's has run out.
    lease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/fake-0"
    await api.request("DELETE", lease)
    while True:
        with contextlib.suppress(ApiError):
            await api.request("GET", lease)
            return
        await asyncio.sleep(0.05)


async def _install_crd(api: Api, file: Path) -> None:
    crd = _manifest(file)
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    await _create(api, path, crd)
    name = crd["metadata"]["name"]
    async with api.stream(path, {"watch": "true", "fieldSelector": f"metadata.name={name}"}) as lines:
        async for line in lines:
            if _established(json.loads(line)["object"]):
                break
    spec = crd["spec"]
    served = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
    while True:  # established is not yet served
        with contextlib.suppress(ApiError):
            await api.request("GET", served)
            return
        await asyncio.sleep(0.02)


def _manifest(file: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = yaml.safe_load(file.read_text())
    return manifest


def _established(crd: dict[str, Any]) -> bool:
    conditions = crd.get("status", {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


async def _identity(api: Api, admin: Path) -> Path:
    """Make a ServiceAccount that may do all, and return its kubeconfig: the audit log tells it by its name.

    What an operator needs of rights is not measured here.
    """
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    await _create(api, accounts, {"metadata": {"name": "operator"}})
    subject = {"kind": "ServiceAccount", "name": "operator", "namespace": "default"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    binding = {"metadata": {"name": "operator"}, "subjects": [subject], "roleRef": role}
    await _create(api, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    asked = {"spec": {"expirationSeconds": _DAY}}
    token = (await api.request("POST", f"{accounts}/operator/token", asked))["status"]["token"]
    return _with_token(admin, token)


def _with_token(admin: Path, token: str) -> Path:
    config = yaml.safe_load(admin.read_text())
    config["users"][0]["user"] = {"token": token}
    path = admin.with_name("operator.kubeconfig")
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    return path


async def _create(api: Api, path: str, manifest: dict[str, Any]) -> None:
    await api.request("POST", path, manifest)
