"""Pods with a shell, and a look at the cluster from inside of them."""

import json
from typing import Any

from rumpf.testing import Kubectl

Object = dict[str, Any]

_SERVE = "echo hello > /tmp/index.html; httpd -p 8080 -h /tmp; "
_WAIT = "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done"


class Pods:
    """Pods of one namespace. Each serves `hello` at port 8080, and otherwise waits to be told what to do."""

    def __init__(self, kubectl: Kubectl, image: str) -> None:
        self.kubectl = kubectl
        self._image = image

    def run(self, *names: str, script: str = _SERVE + _WAIT, **spec: Any) -> None:  # noqa: ANN401 - any field
        """Run Pods and wait until they are Ready; `spec` adds to what a Pod's spec says."""
        for name in names:
            self.kubectl("create", "--filename=-", input=json.dumps(self.manifest(name, script, **spec)))
        self.ready(*names)

    def manifest(
        self,
        name: str,
        script: str = _SERVE + _WAIT,
        *,
        container: Object | None = None,
        **spec: Any,  # noqa: ANN401 - any field
    ) -> Object:
        """Return a Pod's manifest; `container` adds to what its container says."""
        main = {"name": "main", "image": self._image, "command": ["sh", "-c", script], **(container or {})}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 2, "containers": [main], **spec},
        }

    def ready(self, *names: str) -> None:
        """Wait until they are Ready."""
        self.kubectl("wait", "--for=condition=Ready", *(f"pod/{name}" for name in names), "--timeout=60s")

    def sh(self, pod: str, script: str) -> str:
        """Run a script in a Pod; it must succeed."""
        return self.kubectl("exec", pod, "--", "sh", "-c", script)

    def start(self, pod: str, script: str) -> None:
        """Start a script in a Pod, and do not wait for it."""
        self.sh(pod, f"(setsid sh -c '{script}' < /dev/null > /dev/null 2>&1 &)")

    def tries(self, pod: str, script: str) -> bool:
        """Run a script in a Pod; tell whether it succeeded."""
        return self.kubectl.run("exec", pod, "--", "sh", "-c", script).returncode == 0

    def reaches(self, pod: str, host: str) -> bool:
        """Tell whether a Pod gets an answer from another one, or a Service of one, within a second."""
        return self.tries(pod, f"timeout 1 wget -q -O - http://{host}:8080/ | grep -q hello")

    def reaches_api(self, pod: str, address: str = "10.96.0.1 443") -> bool:
        """Tell whether a Pod gets an answer from the API server within a second."""
        # Not TLS: it says so, in plain words.
        asks = "printf 'GET / HTTP/1.0\\r\\n\\r\\n'"
        return self.tries(pod, f"{asks} | timeout 1 nc {address} | grep -q HTTPS")

    def address(self, pod: str) -> str:
        """Return a Pod's own address."""
        return self.field(pod, "{.status.podIP}")

    def field(self, pod: str, path: str) -> str:
        """Return a field of a Pod."""
        return self.kubectl("get", "pod", pod, f"--output=jsonpath={path}")

    def restarts(self, pod: str) -> int:
        """Return how often the Pod's container was started again."""
        return int(self.field(pod, "{.status.containerStatuses[0].restartCount}"))

    def seconds(self, pod: str, script: str) -> float:
        """Return how long a script takes in a Pod; it must succeed."""
        said = self.sh(pod, f"cat /proc/uptime; {script} && cat /proc/uptime").splitlines()
        return float(said[-1].split()[0]) - float(said[0].split()[0])

    def wait_for(self, pod: str, path: str, value: str, seconds: int = 60) -> None:
        """Wait until a field of a Pod has a value."""
        self.kubectl("wait", f"pod/{pod}", f"--for=jsonpath={path}={value}", f"--timeout={seconds}s")

    def until(self, pod: str, condition: str, seconds: int = 20) -> None:
        """Wait, inside a Pod, until a condition of the shell holds."""
        self.sh(pod, f"timeout {seconds} sh -c 'until {condition}; do usleep 50000; done'")


def claim(name: str, size: str) -> Object:
    """Return a PersistentVolumeClaim."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def service(name: str, **spec: Any) -> Object:  # noqa: ANN401 - any field
    """Return a Service for the Pods of that name; `spec` adds to what its spec says."""
    spec = {"selector": {"app": name}, "ports": [{"port": 8080}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def mounted(**source: Object) -> Object:
    """Return what mounts a volume at /data, for the spec of a Pod; `source` is emptyDir={} and the like."""
    return {
        "volumes": [{"name": "data", **source}],
        "container": {"volumeMounts": [{"name": "data", "mountPath": "/data"}]},
    }


def claimed(name: str) -> Object:
    """Return what mounts a claim at /data."""
    return mounted(persistentVolumeClaim={"claimName": name})


def apply(kubectl: Kubectl, *objects: Object) -> None:
    """Apply objects."""
    kubectl("apply", "--filename=-", input="\n---\n".join(json.dumps(each) for each in objects))
