"""The kinds of objects that an operator's installation is made of."""

from collections.abc import Iterable, Mapping
from typing import Any

from rumpf.errors import InstallError
from rumpf.kinds import Kind

_RBAC = "rbac.authorization.k8s.io"

CRD = Kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", False)  # noqa: FBT003 - the last field of a Kind
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments")
EVENT = Kind("", "v1", "Event", "events")
LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases")
NAMESPACE = Kind("", "v1", "Namespace", "namespaces", False)  # noqa: FBT003
NODE = Kind("", "v1", "Node", "nodes", False)  # noqa: FBT003
POD = Kind("", "v1", "Pod", "pods")
REPLICA_SET = Kind("apps", "v1", "ReplicaSet", "replicasets")
ROLE = Kind(_RBAC, "v1", "Role", "roles")
SERVICE_ACCOUNT = Kind("", "v1", "ServiceAccount", "serviceaccounts")

RIGHTS = (
    SERVICE_ACCOUNT,
    Kind(_RBAC, "v1", "ClusterRole", "clusterroles", False),  # noqa: FBT003
    Kind(_RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", False),  # noqa: FBT003
    ROLE,
    Kind(_RBAC, "v1", "RoleBinding", "rolebindings"),
)
"""Who an operator is, and what it may do."""

DEPLOYED = (
    NAMESPACE,
    *RIGHTS,
    Kind("", "v1", "Service", "services"),
    Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
    Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    DEPLOYMENT,
)
"""All that is made for an operator but its CRDs: from the first that is applied to the last."""


def kind_of(manifest: Mapping[str, Any], more: Iterable[Kind] = ()) -> Kind:
    """Return the kind of a manifest: one of an installation's, or of `more`."""
    for kind in (*DEPLOYED, CRD, *more):
        if (kind.api_version, kind.kind) == (manifest["apiVersion"], manifest["kind"]):
            return kind
    raise InstallError(
        f"nothing is known of {manifest['kind']} in {manifest['apiVersion']}",
        where=manifest["metadata"]["name"],
        remedy="this is a fault of rumpf: please report it",
    )


def kind_in(crd: Mapping[str, Any]) -> Kind:
    """Return the kind that a CRD defines, in the version that is stored."""
    spec = crd["spec"]
    stored = next(version["name"] for version in spec["versions"] if version["storage"])
    names = spec["names"]
    return Kind(spec["group"], stored, names["kind"], names["plural"], spec["scope"] == "Namespaced")
