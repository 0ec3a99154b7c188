"""A small web application to look at: proof that Pods, probes, Services and images work."""

import json
import subprocess
import time
from pathlib import Path

from rumpf.cluster.assets import SAMPLE_IMAGE, Assets
from rumpf.cluster.environment import direct
from rumpf.cluster.handle import Cluster
from rumpf.console import Console
from rumpf.errors import StartTimeout
from rumpf.image.oci import File, Link, write_archive
from rumpf.paths import cache_dir

IMAGE = "rumpf.local/sample:1"
_PORT = 30080
_PATIENCE = 60
_APPLETS = (
    "sh",
    "httpd",
    "wget",
    "nslookup",
    "cat",
    "ls",
    "echo",
    "sleep",
    "env",
    "id",
    "ps",
    "grep",
    "dd",
    "df",
    "test",
)


def sample_image(console: Console) -> Path:
    """Make the sample's image from a static busybox, once; no registry and no build tool is needed."""
    target = cache_dir() / "images" / "sample-1.tar"
    if not target.exists():
        busybox = Assets(console=console).ensure(SAMPLE_IMAGE)["busybox"]
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(".unfinished")
        write_archive(
            unfinished,
            name=IMAGE,
            files={
                "/bin/busybox": File(busybox, mode=0o755),
                **{f"/bin/{applet}": Link("busybox") for applet in _APPLETS},
                "/www/index.html": File(b"Hello from a Pod of the rumpf cluster.\n"),
            },
            entrypoint=["/bin/httpd", "-f", "-p", "8080", "-h", "/www"],
            user="65532:65532",
        )
        unfinished.replace(target)
    return target


def deploy_sample(cluster: Cluster, console: Console) -> str:
    """Deploy the sample, wait until it is Ready, and say how to see it."""
    begun = time.monotonic()
    if cluster.nodes == "real":
        cluster.load(sample_image(console))
    try:
        _kubectl(cluster, "apply", "--server-side", "-f", "-", given=json.dumps(_manifests()))
        _kubectl(cluster, "rollout", "status", "deployment/hello", f"--timeout={_PATIENCE}s")
    except subprocess.CalledProcessError as error:
        raise StartTimeout(
            f"the sample does not become Ready: {error.stderr.strip()}",
            remedy="kubectl describe pods -l app=hello tells why",
            where=cluster.name,
        ) from None
    ready = f"sample ready after {time.monotonic() - begun:.1f} s (deployment/hello, 2 Pods)"
    if cluster.nodes != "real":
        return ready
    host = cluster.url.removeprefix("https://").partition(":")[0]
    return f"{ready}\nsee it:   curl http://{host}:{_PORT}"


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
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
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
    return {"apiVersion": "v1", "kind": "List", "items": [deployment, service]}
