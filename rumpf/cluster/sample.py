"""A small web application to look at: proof that Pods, probes, Services and images work."""

import json
import subprocess
import time
import urllib.request

from rumpf.cluster.busybox import IMAGE, busybox_archive
from rumpf.cluster.environment import direct
from rumpf.cluster.handle import Cluster
from rumpf.console import Console
from rumpf.errors import StartTimeout

_PORT = 30080
_PATIENCE = 60
_PAUSE = 0.05


def deploy_sample(cluster: Cluster, console: Console) -> str:
    """Deploy the sample, wait until it is Ready, and say how to see it."""
    begun = time.monotonic()
    if cluster.nodes == "real":
        cluster.load(busybox_archive(console))
    try:
        _kubectl(cluster, "apply", "--server-side", "-f", "-", given=json.dumps(_manifests()))
        _kubectl(cluster, "rollout", "status", "deployment/hello", f"--timeout={_PATIENCE}s")
    except subprocess.CalledProcessError as error:
        raise StartTimeout(
            f"the sample does not become Ready: {error.stderr.strip()}",
            remedy="kubectl describe pods -l app=hello tells why",
            where=cluster.name,
        ) from None
    where = "\nnothing runs in them: fake nodes only say that Pods are Ready (--nodes real runs them)"
    if cluster.nodes == "real":
        url = f"http://{cluster.url.removeprefix('https://').partition(':')[0]}:{_PORT}"
        _await_page(cluster, url)
        where = f"\nsee it:   curl {url}"
    return f"sample ready after {time.monotonic() - begun:.1f} s (deployment/hello, 2 Pods){where}"


def _await_page(cluster: Cluster, url: str) -> None:
    # Ready Pods are one thing; that the node's proxy knows of them is another, a moment later.
    deadline = time.monotonic() + _PATIENCE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            with opener.open(url, timeout=1):
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise StartTimeout(
                    f"{url} does not answer: {error}",
                    remedy="rumpf cluster logs kube-proxy tells why",
                    where=cluster.name,
                ) from None
            time.sleep(_PAUSE)


def _kubectl(cluster: Cluster, *arguments: str, given: str | None = None) -> None:
    subprocess.run(
        cluster.kubectl(*arguments),
        input=given,
        text=True,
        capture_output=True,
        check=True,
        env=direct(),
    )


def _manifests() -> dict[str, object]:
    labels = {"app": "hello"}
    container = {
        "name": "web",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": ["httpd", "-f", "-p", "8080", "-h", "/www"],
        "volumeMounts": [{"name": "page", "mountPath": "/www"}],
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "page", "configMap": {"name": "hello"}}],
    }
    page = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "hello", "namespace": "default"},
        "data": {"index.html": "Hello from a Pod of the rumpf cluster.\n"},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "hello", "namespace": "default"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "hello", "namespace": "default"},
        "spec": {
            "type": "NodePort",
            "selector": labels,
            "ports": [{"port": 80, "targetPort": 8080, "nodePort": _PORT}],
        },
    }
    return {"apiVersion": "v1", "kind": "List", "items": [page, deployment, service]}
