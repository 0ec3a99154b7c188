"""A namespace of its own for each test: found ready, and emptied when the test is over."""

import json
import re
import secrets
import time

from rumpf.testing.kubectl import Kubectl

_LONGEST_SLUG = 50
_PATIENCE = 60.0
_POLL = 0.05
_MADE_BY_CONTROLLERS = ("serviceaccount/default", "configmap/kube-root-ca.crt")


def create_namespace(kubectl: Kubectl, test: str) -> str:
    """Make a namespace named for a test, and wait for what Pods in it cannot do without."""
    name = name_for(test, secrets.token_hex(3))
    body = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "annotations": {"rumpf.dev/test": test}},
    }
    kubectl("create", "--filename=-", input=json.dumps(body))
    _await_controllers(kubectl.within(name))
    return name


def delete_namespace(kubectl: Kubectl, name: str) -> None:
    """Delete it, and kill its Pods at once. Returns before it is gone: that takes five seconds at least."""
    kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
    # In a namespace that is going, no controller can make new ones.
    kubectl.within(name)("delete", "pods", "--all", "--wait=false", "--force", "--grace-period=0")


def _await_controllers(kubectl: Kubectl) -> None:
    # Not `kubectl wait --for=create`: before 1.31 there is none, and it gives up on several at once.
    deadline = time.monotonic() + _PATIENCE
    while kubectl.run("get", *_MADE_BY_CONTROLLERS).returncode:
        if time.monotonic() > deadline:
            kubectl("get", *_MADE_BY_CONTROLLERS)
        time.sleep(_POLL)


def name_for(test: str, unique: str) -> str:
    """Return a namespace's name that tells which test it is of."""
    words = re.sub(r"[^a-z0-9]+", "-", test.rpartition("::")[2].lower()).strip("-").removeprefix("test-")
    slug = words[:_LONGEST_SLUG].strip("-") or "test"
    return f"{slug}-{unique}"
