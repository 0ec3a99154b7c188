"""Message as kopf's tutorials write operators: handlers for create and update, the synchronous client.

The rival in `nox -s bench -- message`; `kopf run` starts it. Nothing here is slowed down on purpose.
"""

import os
from collections.abc import Mapping
from typing import Any

import kopf
import kubernetes

SAY = """printf '%s\\n' "$TEXT"; trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"""
CONFLICT = 409
MISSING = 404


def pod_for(name: str, text: str) -> dict[str, Any]:
    """Return the Pod that prints the text."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"msg-{name}", "labels": {"app.kubernetes.io/name": "message"}},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "printer",
                    "image": os.environ["MESSAGE_IMAGE"],
                    "command": ["sh", "-c", SAY],
                    "env": [{"name": "TEXT", "value": text}],
                    "resources": {"requests": {"cpu": "1m", "memory": "4Mi"}, "limits": {"memory": "16Mi"}},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


@kopf.on.create("myorg.dev", "v1", "messages")  # type: ignore[arg-type]  # as its tutorials do
def create_fn(
    spec: kopf.Spec, body: Mapping[str, Any], name: str, namespace: str, patch: kopf.Patch, **_: object
) -> None:
    """Make the Pod."""
    pod = pod_for(name, spec["text"])
    kopf.adopt(pod)
    api = kubernetes.client.CoreV1Api()
    try:
        api.create_namespaced_pod(namespace=namespace, body=pod)
    except kubernetes.client.ApiException as error:
        if error.status != CONFLICT:
            raise
    patch.status["phase"] = "Processed"
    patch.status["podName"] = f"msg-{name}"
    kopf.event(body, type="Normal", reason="Created", message=f"Pod msg-{name} was created")


@kopf.on.update("myorg.dev", "v1", "messages", field="spec.text")  # type: ignore[arg-type]
def update_fn(
    spec: kopf.Spec, body: Mapping[str, Any], name: str, namespace: str, patch: kopf.Patch, **_: object
) -> None:
    """Delete the old Pod, make the new one; come back where the old one is still going."""
    api = kubernetes.client.CoreV1Api()
    pod = pod_for(name, spec["text"])
    kopf.adopt(pod)
    try:
        api.delete_namespaced_pod(name=f"msg-{name}", namespace=namespace)
    except kubernetes.client.ApiException as error:
        if error.status != MISSING:
            raise
    try:
        api.create_namespaced_pod(namespace=namespace, body=pod)
    except kubernetes.client.ApiException as error:
        if error.status == CONFLICT:
            raise kopf.TemporaryError("the old Pod is still going", delay=1) from error
        raise
    patch.status["phase"] = "Processed"
    kopf.event(body, type="Normal", reason="Replaced", message=f"Pod msg-{name} was replaced")
