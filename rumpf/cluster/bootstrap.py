"""The objects that every cluster has from its first moment: DNS, storage, and the rights of our own parts."""

from typing import Any

from rumpf.cluster.layout import DNS_SERVICE_ADDRESS, NODE_ADDRESS

STORAGE_CLASS = "standard"
PROVISIONER = "rumpf.dev/volumes"

Object = dict[str, Any]


def bootstrap_objects() -> tuple[tuple[str, Object], ...]:
    """Pairs of the collection's path and the object to create in it."""
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    return (
        (
            f"{rbac}/clusterrolebindings",
            _binding("rumpf:kubelet-access", "system:kubelet-api-admin", "kube-apiserver-kubelet-client"),
        ),
        *_rights(f"{rbac}", "rumpf:dns", _DNS_RULES),
        *_rights(f"{rbac}", "rumpf:volumes", _VOLUME_RULES),
        *_rights(f"{rbac}", "rumpf:kwok", _KWOK_RULES),
        ("/api/v1/namespaces/kube-system/services", _dns_service()),
        ("/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", _dns_endpoints()),
        ("/apis/storage.k8s.io/v1/storageclasses", _storage_class()),
        # A controller makes it too, but a Pod that is created at once would be refused for want of it.
        ("/api/v1/namespaces/default/serviceaccounts", _service_account()),
    )


def _rights(rbac: str, name: str, rules: list[Object]) -> tuple[tuple[str, Object], ...]:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": rules,
    }
    return ((f"{rbac}/clusterroles", role), (f"{rbac}/clusterrolebindings", _binding(name, name, name)))


def _binding(name: str, role: str, user: str) -> Object:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }


def _rule(group: str, resources: list[str], verbs: list[str]) -> Object:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


_READ = ["get", "list", "watch"]
_DNS_RULES = [
    _rule("", ["services", "namespaces", "pods", "nodes"], _READ),
    _rule("discovery.k8s.io", ["endpointslices"], _READ),
]
_VOLUME_RULES = [
    _rule("", ["persistentvolumeclaims"], _READ),
    _rule("", ["persistentvolumes"], [*_READ, "create", "delete", "patch"]),
]
_KWOK_RULES = [
    _rule("", ["nodes", "pods"], [*_READ, "delete", "patch", "update"]),
    _rule("", ["nodes/status", "pods/status"], ["patch", "update"]),
    _rule("", ["events"], ["create", "patch", "update"]),
    _rule("coordination.k8s.io", ["leases"], [*_READ, "create", "delete", "patch", "update"]),
]


def _dns_service() -> Object:
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "labels": {"k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS"}},
        "spec": {"clusterIP": DNS_SERVICE_ADDRESS, "ports": ports},
    }


def _dns_endpoints() -> Object:
    # CoreDNS is a process of the node, not a Pod: the Service has no selector, its endpoint is written here.
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kube-dns", "labels": {"kubernetes.io/service-name": "kube-dns"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [NODE_ADDRESS], "conditions": {"ready": True}}],
        "ports": [
            {"name": "dns", "port": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
        ],
    }


def _service_account() -> Object:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}


def _storage_class() -> Object:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }
