"""How an operator's Pods are reached, and whom they may reach."""

from collections.abc import Iterable

from rumpf.manifests.naming import metadata_of, selector_of
from rumpf.manifests.workload import PORT, PORT_NAME
from rumpf.objects import Manifest
from rumpf.operator import Operator

_DNS = (53, 5353)
"""Also as OpenShift's DNS Pods have it: a policy sees the port of the Pod, not that of the Service."""

_API_SERVER = (443, 6443, 8443, 16443)
"""Of the Service and of the managed clouds; of kubeadm, kind and k3s; of minikube; of MicroK8s."""


def metrics_service(operator: Operator, namespace: str) -> Manifest:
    """Return the Service by which Prometheus finds each of the Pods: each counts for itself."""
    annotations = {"prometheus.io/path": "/metrics", "prometheus.io/port": str(PORT)}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata_of(operator, namespace=namespace)
        | {"annotations": annotations | {"prometheus.io/scrape": "true"}},
        "spec": {
            "clusterIP": "None",
            "ports": [{"name": "metrics", "port": PORT, "protocol": "TCP", "targetPort": PORT_NAME}],
            "selector": selector_of(operator),
        },
    }


def network_policy(operator: Operator, namespace: str) -> Manifest:
    """Return what closes all but metrics and probes in, and all but names and the API server out.

    Where the API server is differs from cluster to cluster and changes, and no policy can select it: so its
    usual ports are open, to everywhere, and so are those that the operator says it connects to.
    """
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata_of(operator, namespace=namespace),
        "spec": {
            "podSelector": {"matchLabels": selector_of(operator)},
            "policyTypes": ["Egress", "Ingress"],
            "egress": [
                {"ports": _ports("TCP", _DNS) + _ports("UDP", _DNS)},
                {"ports": _ports("TCP", sorted({*_API_SERVER, *operator.connects_to}))},
            ],
            "ingress": [{"ports": _ports("TCP", (PORT,))}],
        },
    }


def _ports(protocol: str, ports: Iterable[int]) -> list[Manifest]:
    return [{"port": port, "protocol": protocol} for port in ports]
