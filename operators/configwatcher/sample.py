"""What a person tries a ConfigWatcher on: a web application that shows a text from a ConfigMap."""

from typing import Any

from rumpf import Manifest

_NAME = "webapp"
_CONFIG = "webapp-config"
_LABELS = {"app": _NAME}
_PORT = 8080
# Each Pod writes the page when it starts: without a restart it would show the old text for ever. The text is
# data, whatever is in it; the trap has the Pod end at once when it is asked to.
_SERVE = """\
printf '%s\\n' "$MESSAGE" > /www/index.html
trap 'exit 0' TERM
httpd -f -p 8080 -h /www & wait
"""


def _probe() -> dict[str, Any]:
    return {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1}


CONFIG_MAP: Manifest = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": _CONFIG},
    "data": {"message": "Hello, ConfigWatcher"},
}
DEPLOYMENT: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": _NAME, "labels": _LABELS},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": _LABELS},
        "template": {
            "metadata": {"labels": _LABELS},
            "spec": {
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 5,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 65532,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [
                    {
                        "name": "httpd",
                        "image": "docker.io/library/busybox:1.37",
                        "command": ["sh", "-c", _SERVE],
                        "env": [
                            {
                                "name": "MESSAGE",
                                "valueFrom": {"configMapKeyRef": {"name": _CONFIG, "key": "message"}},
                            }
                        ],
                        "ports": [{"name": "http", "containerPort": _PORT}],
                        "readinessProbe": _probe(),
                        "livenessProbe": _probe() | {"periodSeconds": 10},
                        "resources": {
                            "requests": {"cpu": "1m", "memory": "4Mi"},
                            "limits": {"memory": "16Mi"},
                        },
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"]},
                        },
                        "volumeMounts": [{"name": "www", "mountPath": "/www"}],
                    }
                ],
                "volumes": [{"name": "www", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}],
            },
        },
    },
}
SERVICE: Manifest = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": _NAME},
    "spec": {"selector": _LABELS, "ports": [{"port": _PORT, "targetPort": "http"}]},
}
CONFIG_WATCHER: Manifest = {
    "apiVersion": "k8spatterns.com/v1",
    "kind": "ConfigWatcher",
    "metadata": {"name": _NAME},
    "spec": {"configMap": _CONFIG, "podSelector": {"matchLabels": _LABELS}},
}
SAMPLES = (CONFIG_MAP, DEPLOYMENT, SERVICE, CONFIG_WATCHER)
