"""The Deployment of an operator, and what keeps enough of its Pods alive."""

from collections.abc import Mapping

from rumpf.errors import DeclarationError, UsageError
from rumpf.manifests.granting import variables_of
from rumpf.manifests.naming import labels_of, metadata_of, module_of, selector_of
from rumpf.manifests.options import Options
from rumpf.objects import Manifest
from rumpf.operator import Operator

PORT = 8080
PORT_NAME = "http"

_GRACE = 30
_RESERVED = frozenset({"POD_NAME", "POD_NAMESPACE", "WATCH_NAMESPACE"})
_RESERVED_PREFIX = "RUMPF_"


def deployment(operator: Operator, namespace: str, options: Options) -> Manifest:
    """Return the Deployment: its Pods meet the restricted Pod Security Standard, spread over nodes."""
    selector = {"matchLabels": selector_of(operator)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata_of(operator, namespace=namespace),
        "spec": {
            "replicas": replicas_of(operator, options),
            "selector": selector,
            # The new one is warm before the old one goes: the Lease changes hands in moments.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": labels_of(operator)},
                "spec": {
                    "automountServiceAccountToken": True,
                    "containers": [_container(operator, options)],
                    "enableServiceLinks": False,
                    # No runAsUser: the image names its own, and OpenShift gives each namespace another.
                    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                    "serviceAccountName": operator.full_name,
                    "terminationGracePeriodSeconds": _GRACE,
                    "topologySpreadConstraints": [
                        {
                            "labelSelector": selector,
                            # Each generation is spread for itself, whatever the one before it left where.
                            "matchLabelKeys": ["pod-template-hash"],
                            "maxSkew": 1,
                            "topologyKey": "kubernetes.io/hostname",
                            "whenUnsatisfiable": "ScheduleAnyway",
                        }
                    ],
                },
            },
        },
    }


def disruption_budget(operator: Operator, namespace: str) -> Manifest:
    """Return the budget that lets one Pod at a time be evicted, and a broken one always."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata_of(operator, namespace=namespace),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": selector_of(operator)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def replicas_of(operator: Operator, options: Options) -> int:
    """Return how many Pods there are to be."""
    return operator.replicas if options.replicas is None else options.replicas


def settings_of(operator: Operator, chosen: Mapping[str, str]) -> dict[str, str]:
    """Return the value of each setting; refuse one that the operator does not have."""
    settings = {setting.name: setting.default for setting in operator.settings}
    where = f"Operator({operator.name!r})"
    for name in settings:
        if name in _RESERVED or name.startswith(_RESERVED_PREFIX):
            raise DeclarationError(
                f"the setting {name} would take the place of rumpf's own",
                where=where,
                remedy=f"give it another name: {operator.name.upper().replace('-', '_')}_...",
            )
    if unknown := sorted(set(chosen) - set(settings)):
        raise UsageError(
            f"{operator.full_name} has no setting {', '.join(unknown)}",
            where="settings",
            remedy=f"it has {', '.join(sorted(settings)) or 'none'}",
        )
    for setting in operator.settings:
        setting.check(chosen.get(setting.name, setting.default))
    return settings | dict(chosen)


def _container(operator: Operator, options: Options) -> Manifest:
    resources = options.resources or operator.resources
    return {
        "name": "operator",
        "image": options.image or operator.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-m", "rumpf.runtime", module_of(operator)],
        "env": _environment(operator, options),
        "ports": [{"name": PORT_NAME, "containerPort": PORT, "protocol": "TCP"}],
        "resources": {
            "requests": {"cpu": resources.cpu, "memory": resources.memory},
            "limits": {"memory": resources.memory_limit},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        # A minute to start, on a node that has much to do; then the other two take over.
        "startupProbe": _probe("/healthz", periodSeconds=1, failureThreshold=60),
        "livenessProbe": _probe("/healthz", periodSeconds=10, failureThreshold=3),
        "readinessProbe": _probe("/readyz", periodSeconds=5, failureThreshold=2),
    }


def _probe(path: str, **seconds: int) -> Manifest:
    return {"httpGet": {"path": path, "port": PORT_NAME}, "timeoutSeconds": 5, **seconds}


def _environment(operator: Operator, options: Options) -> list[Manifest]:
    grants = variables_of(operator, options)
    variables: list[Manifest] = [
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {"name": "RUMPF_LOG_FORMAT", "value": "json"},
    ]
    if options.watch:
        variables.append({"name": "WATCH_NAMESPACE", "value": ",".join(options.watch)})
    variables += [{"name": name, "value": places} for name, places in sorted(grants.items())]
    settings = settings_of(operator, options.settings)
    # Kubernetes replaces $(NAME) in values; a doubled $ is one that stays.
    variables += [
        {"name": name, "value": value.replace("$", "$$")} for name, value in sorted(settings.items())
    ]
    return variables
