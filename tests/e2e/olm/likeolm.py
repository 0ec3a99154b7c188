"""What OLM v0 makes of a bundle that its catalog holds inline: accounts, rights, Deployments."""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_RBAC = "rbac.authorization.k8s.io"
_GATHERED = ("ClusterServiceVersion", "CustomResourceDefinition")


@dataclass(frozen=True)
class Inline:
    """A bundle as a catalog holds it."""

    objects: tuple[Json, ...]

    @classmethod
    def of(cls, blob: Json) -> "Inline":
        """Read an olm.bundle."""
        assert not blob["image"], "it is to be unpacked, and not held inline"
        held = [each["value"]["data"] for each in blob["properties"] if each["type"] == "olm.bundle.object"]
        return cls(tuple(json.loads(base64.b64decode(each)) for each in held))

    @property
    def csv(self) -> Json:
        """The CSV."""
        (found,) = (each for each in self.objects if each["kind"] == "ClusterServiceVersion")
        return found

    @property
    def crds(self) -> list[Json]:
        """The CRDs."""
        return [each for each in self.objects if each["kind"] == "CustomResourceDefinition"]

    def installed(self, namespace: str, targets: Sequence[str]) -> Iterator[Json]:
        """Yield what OLM installs in a namespace whose OperatorGroup has these targets; none: everywhere."""
        yield from (_placed(each, namespace) for each in self.objects if each["kind"] not in _GATHERED)
        install = self.csv["spec"]["install"]["spec"]
        asked = [*install.get("permissions", ()), *install.get("clusterPermissions", ())]
        for name in sorted({each["serviceAccountName"] for each in asked}):
            yield {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": name, "namespace": namespace},
            }
        for number, each in enumerate(install.get("clusterPermissions", ())):
            yield from _granted(each, namespace, f"{namespace}-cluster-{number}", "")
        for number, each in enumerate(install.get("permissions", ())):
            name = f"{namespace}-{number}"
            # Those of a group for all namespaces are lifted: the cluster then has them as it has the others.
            for place in sorted({namespace, *targets}) if targets else [""]:
                yield from _granted(each, namespace, name, place)
        annotations = {
            **self.csv["metadata"]["annotations"],
            "olm.operatorGroup": "group",
            "olm.operatorNamespace": namespace,
            "olm.targetNamespaces": ",".join(targets),
        }
        for deployment in install["deployments"]:
            spec = json.loads(json.dumps(deployment["spec"]))
            spec["template"]["metadata"].setdefault("annotations", {}).update(annotations)
            yield {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {
                    "name": deployment["name"],
                    "namespace": namespace,
                    "labels": {**deployment["label"], "olm.owner": self.csv["metadata"]["name"]},
                },
                "spec": spec,
            }


def _placed(manifest: Json, namespace: str) -> Json:
    return manifest | {"metadata": manifest["metadata"] | {"namespace": namespace}}


def _granted(permission: Json, account: str, name: str, namespace: str) -> Iterator[Json]:
    scope = "" if namespace else "Cluster"
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    yield {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{scope}Role",
        "metadata": metadata,
        "rules": permission["rules"],
    }
    yield {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{scope}RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": _RBAC, "kind": f"{scope}Role", "name": name},
        "subjects": [
            {"kind": "ServiceAccount", "name": permission["serviceAccountName"], "namespace": account}
        ],
    }
