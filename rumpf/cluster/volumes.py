"""The StorageClass `standard`: a volume of the requested size, in memory, for every claim.

Each volume is a tmpfs of its own, so it is full when it is full (ENOSPC, as on a real disk) and no
neighbour notices. What is written stays until the claim is deleted; it never reaches the disk.
For fake nodes the volumes are objects only.

Runs as a component of the cluster, inside its world. Level-triggered: whatever the API server says
changed, it compares all claims with all volumes.
"""

import contextlib
import math
import re
import sys
import threading
import time
from decimal import Decimal
from http.client import HTTPException
from pathlib import Path
from typing import Any

from rumpf.cluster import namespaces
from rumpf.cluster.bootstrap import PROVISIONER, STORAGE_CLASS
from rumpf.cluster.client import ApiClient

_CLAIMS = "/api/v1/persistentvolumeclaims"
_VOLUMES = "/api/v1/persistentvolumes"
_MARK = "pv.kubernetes.io/provisioned-by"
_PAUSE = 0.5
_CONFLICT, _FAILED = 409, 400
_QUANTITY = re.compile(r"\+?(\d+\.?\d*|\.\d+)(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?\d+))?")
_UNITS = {unit: Decimal(10) ** (3 * power) for power, unit in enumerate("num kMGTPE", -3)}
_UNITS |= {f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)}

Object = dict[str, Any]


def provide(kubeconfig: str, folder: Path | None) -> None:
    """Provide volumes for ever: below `folder`, or as objects only where there is none."""
    changed = threading.Event()
    for collection in (_CLAIMS, _VOLUMES):
        threading.Thread(target=_watch, args=(kubeconfig, collection, changed), daemon=True).start()
    client = ApiClient(kubeconfig)
    while True:
        changed.wait()
        changed.clear()
        try:
            reconcile(client, folder)
        except (OSError, HTTPException, KeyError) as error:
            print(f"again in {_PAUSE} s: {type(error).__name__}: {error}", flush=True)  # noqa: T201 - its log
            time.sleep(_PAUSE)
            changed.set()


def reconcile(client: ApiClient, folder: Path | None) -> None:
    """Make the volumes that are claimed, and take away those that are released."""
    claims = _items(client, _CLAIMS)
    volumes = _items(client, _VOLUMES)
    known = {volume["metadata"]["name"] for volume in volumes}
    for claim in claims:
        if wants_volume(claim) and volume_name(claim) not in known:
            _create(client, folder, claim)
    for volume in volumes:
        if is_released(volume):
            _delete(client, folder, volume["metadata"]["name"])


def wants_volume(claim: Object) -> bool:
    """Whether a claim waits for a volume of ours."""
    spec = claim["spec"]
    return (
        claim.get("status", {}).get("phase") == "Pending"
        and spec.get("storageClassName") == STORAGE_CLASS
        and spec.get("volumeMode", "Filesystem") == "Filesystem"
        and not spec.get("volumeName")
        and "deletionTimestamp" not in claim["metadata"]
    )


def is_released(volume: Object) -> bool:
    """Whether a volume of ours has lost its claim and is not to be kept."""
    return (
        volume["metadata"].get("annotations", {}).get(_MARK) == PROVISIONER
        and volume.get("status", {}).get("phase") == "Released"
        and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
        and "deletionTimestamp" not in volume["metadata"]
    )


def volume_name(claim: Object) -> str:
    """The name of a claim's volume: the same each time it is asked for."""
    return f"pvc-{claim['metadata']['uid']}"


def volume_for(claim: Object, path: str) -> Object:
    """The PersistentVolume for a claim: bound to it from the first moment."""
    metadata = claim["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume_name(claim), "annotations": {_MARK: PROVISIONER}},
        "spec": {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"]["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": STORAGE_CLASS,
            "volumeMode": "Filesystem",
            "local": {"path": path},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "nodeAffinity": {
                "required": {
                    "nodeSelectorTerms": [
                        {
                            "matchExpressions": [
                                {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}
                            ]
                        }
                    ]
                }
            },
        },
    }


def size_of(quantity: str) -> int:
    """A Kubernetes quantity (1Gi, 500M, 1e9) in bytes, rounded up."""
    match = _QUANTITY.fullmatch(quantity)
    if not match:
        raise ValueError(f"{quantity!r} is not a quantity")
    number, unit, exponent = match.groups()
    return math.ceil(Decimal(number) * _UNITS[unit or " "] * Decimal(10) ** int(exponent or 0))


def _create(client: ApiClient, folder: Path | None, claim: Object) -> None:
    name = volume_name(claim)
    path = (folder or Path("/var/lib/rumpf/volumes")) / name
    if folder:
        _mount(path, size_of(claim["spec"]["resources"]["requests"]["storage"]))
    status, answer = client.request("POST", _VOLUMES, volume_for(claim, str(path)))
    if status >= _FAILED and status != _CONFLICT:
        raise OSError(f"{name} refused: {answer.get('message')}")


def _mount(path: Path, size: int) -> None:
    if path.is_mount():
        return
    path.mkdir(parents=True, exist_ok=True)
    # Writable for whatever user the Pod runs as, as on kind and minikube.
    namespaces.mount("rumpf-volume", path, "tmpfs", data=f"size={size},mode=0777")


def _delete(client: ApiClient, folder: Path | None, name: str) -> None:
    if folder:
        with contextlib.suppress(FileNotFoundError):
            namespaces.unmount(folder / name)
            (folder / name).rmdir()
    client.request("DELETE", f"{_VOLUMES}/{name}")


def _items(client: ApiClient, collection: str) -> list[Object]:
    status, answer = client.request("GET", collection)
    if status >= _FAILED:
        raise OSError(f"{collection}: {answer.get('message')}")
    items: list[Object] = answer["items"]
    return items


def _watch(kubeconfig: str, collection: str, changed: threading.Event) -> None:
    while True:
        client = ApiClient(kubeconfig, timeout=None)
        with contextlib.suppress(OSError, HTTPException, ValueError):
            for _ in client.watch(collection):
                changed.set()
        client.close()
        # The watch ended: what happened meanwhile is seen by looking.
        time.sleep(_PAUSE)
        changed.set()


def main() -> None:
    """Run with the kubeconfig's path and, for real volumes, the folder to mount them in."""
    kubeconfig, *folder = sys.argv[1:]
    provide(Path(kubeconfig).read_text(), Path(folder[0]) if folder else None)


if __name__ == "__main__":
    main()
