"""Whether a namespace can be installed into, and what else lives in one that is to go."""

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import orjson

from rumpf.api import Api
from rumpf.errors import ApiError, InstallError
from rumpf.install.asking import FORBIDDEN, patiently, read
from rumpf.install.kinds import LEASE, NAMESPACE
from rumpf.kinds import Kind
from rumpf.manifests.naming import OPERATOR_LABEL
from rumpf.manifests.reading import part, parts

_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v1,application/json"
_EVERYWHERE = {
    ("ConfigMap", "kube-root-ca.crt"),
    ("ConfigMap", "openshift-service-ca.crt"),
    ("ServiceAccount", "builder"),
    ("ServiceAccount", "default"),
    ("ServiceAccount", "deployer"),
}
"""What Kubernetes and OpenShift put into every namespace."""
_NOTHING: Mapping[str, Any] = {}
_PASSING = {"bindings", "endpoints", "endpointslices", "events", "localsubjectaccessreviews"}


async def check_namespaces(api: Api, names: Iterable[str]) -> None:
    """Refuse namespaces that are not there, or are on their way out. One that cannot be seen may be there."""
    for name in names:
        try:
            found = await read(api, NAMESPACE, "", name)
        except ApiError as error:
            if error.status == FORBIDDEN:
                continue
            raise
        if found is None:
            raise InstallError(
                "there is no such namespace",
                where=f"namespace {name}",
                remedy=f"kubectl create namespace {name}, or name another",
            )
        if "deletionTimestamp" in found["metadata"]:
            raise InstallError(
                "it is being deleted, and takes nothing new",
                where=f"namespace {name}",
                remedy="wait until it is gone (kubectl get namespaces) and create it again, or name another",
            )


async def strangers(api: Api, namespace: str, operator: str) -> list[str]:
    """Return what lives in a namespace that is no part of the operator's installation, as `Kind name`."""
    kinds = await _listable(api)
    found = await asyncio.gather(*(_of_kind(api, kind, namespace, operator) for kind in kinds))
    return sorted({name for names in found for name in names})


async def _of_kind(api: Api, kind: Kind, namespace: str, operator: str) -> list[str]:
    try:
        text = await patiently(lambda: api.read("GET", kind.path(namespace), accept=_METADATA))
    except ApiError as error:
        if 400 <= error.status < 500:  # noqa: PLR2004 - nothing that can be listed, or not by us
            return []
        raise
    return [
        f"{kind.kind} {each['metadata']['name']}"
        for each in parts(orjson.loads(text), "items")
        if not _belongs(each["metadata"], kind, operator)
    ]


def _belongs(metadata: Mapping[str, Any], kind: Kind, operator: str) -> bool:
    name = str(metadata["name"])
    return bool(
        part(metadata, "labels").get(OPERATOR_LABEL) == operator
        # Children go where their owner goes: a Pod of ours with its ReplicaSet, and so on.
        or metadata.get("ownerReferences")
        or (kind.kind, name) in _EVERYWHERE
        or (kind == LEASE and name == f"{operator}-operator")
        or (kind.kind == "RoleBinding" and name.startswith("system:"))
    )


async def _listable(api: Api) -> list[Kind]:
    """Return all kinds of objects that live in namespaces and can be listed."""
    kinds: list[Kind] = []
    for path in ("/api", "/apis"):
        text = await patiently(partial(api.read, "GET", path, accept=_DISCOVERY))
        for group in parts(orjson.loads(text), "items"):
            name = str(part(group, "metadata").get("name", ""))
            # The first version is the preferred one; all show the same objects.
            version = next(iter(parts(group, "versions")), _NOTHING)
            kinds += [
                Kind(name, version["version"], each["responseKind"]["kind"], each["resource"])
                for each in parts(version, "resources")
                if each.get("scope") == "Namespaced"
                and "list" in each.get("verbs", ())
                and each["resource"] not in _PASSING
            ]
    return kinds
