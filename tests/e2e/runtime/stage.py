"""Notes and Shelves in a test's namespace, and what became of them."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rumpf.manifests import Options, render, to_yaml
from rumpf.project import load
from rumpf.testing import Kubectl, OperatorProcess, Operators

Object = dict[str, Any]
_EVERY = 0.05
_RIGHTS = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}


@dataclass(frozen=True)
class Notes:
    """The Notes of one namespace."""

    kubectl: Kubectl
    operators: Operators
    outside: Path

    @property
    def namespace(self) -> str:
        assert self.kubectl.namespace
        return self.kubectl.namespace

    def allow(self, *namespaces: str) -> None:
        """Grant the operator its rights in these namespaces too."""
        rendered = render(load("notes"), Options(self.namespace, watch=[self.namespace, *namespaces]))
        rights = [each for each in rendered.deploy if each["kind"] in _RIGHTS]
        everywhere = Kubectl(self.kubectl.binary, self.kubectl.kubeconfig)
        everywhere("apply", "--server-side", "--force-conflicts", "--filename=-", input=to_yaml(rights))

    def operator(self, **options: Any) -> OperatorProcess:  # noqa: ANN401 - those of Operators.run
        """Run the operator, and wait until it is ready."""
        return self.starting(**options).wait_ready()

    def starting(self, **options: Any) -> OperatorProcess:  # noqa: ANN401 - those of Operators.start
        """Run the operator, and do not wait for it."""
        environment = {"OUTSIDE": str(self.outside), **options.pop("environment", {})}
        return self.operators.start("notes", environment=environment, **options)

    def kubeconfig_with(self, token: Path) -> Path:
        """Write a kubeconfig whose user is whoever the token in a file belongs to."""
        config = yaml.safe_load(self.kubectl.kubeconfig.read_text())
        for cluster in config["clusters"]:
            if file := cluster["cluster"].pop("certificate-authority", None):
                data = (self.kubectl.kubeconfig.parent / file).read_bytes()
                cluster["cluster"]["certificate-authority-data"] = base64.b64encode(data).decode()
        for user in config["users"]:
            user["user"] = {"tokenFile": str(token)}
        path = token.with_suffix(".kubeconfig")
        path.write_text(json.dumps(config))
        return path

    def create(self, name: str = "one", *, metadata: Mapping[str, Any] | None = None, **spec: object) -> None:
        """Create a Note."""
        self.make("Note", name, metadata=metadata or {}, spec=spec)

    def make(self, kind: str, name: str, *, metadata: Mapping[str, Any], **content: object) -> None:
        """Create an object."""
        version = "v1" if kind == "ConfigMap" else "notes.test/v1"
        made = {"apiVersion": version, "kind": kind, "metadata": {"name": name, **metadata}, **content}
        self.kubectl("create", "--filename=-", input=json.dumps(made))

    def patch(self, what: str = "note/one", **patch: object) -> None:
        """Merge a patch into an object."""
        self.kubectl("patch", what, "--type=merge", f"--patch={json.dumps(patch)}")

    def get(self, what: str = "note/one") -> Object:
        """Return an object; empty if it is not there."""
        found = self.kubectl.run("get", what, "--output=json", "--ignore-not-found")
        assert found.returncode == 0, found.stderr
        return dict(json.loads(found.stdout)) if found.stdout else {}

    def data(self, what: str = "configmap/note-one") -> Mapping[str, str]:
        """Return what is in a ConfigMap; empty if it is not there."""
        return dict(self.get(what).get("data") or {})

    def ready(self, what: str = "note/one") -> Mapping[str, Any]:
        """Return the condition Ready, once it is about the newest generation; empty before."""
        found = self.get(what)
        conditions = found.get("status", {}).get("conditions", ())
        condition: Mapping[str, Any] = next((each for each in conditions if each["type"] == "Ready"), {})
        is_new = condition.get("observedGeneration") == found.get("metadata", {}).get("generation")
        return condition if is_new else {}

    def is_ready(self, what: str = "note/one") -> bool:
        """Tell whether all is well, in the newest generation."""
        return self.ready(what).get("status") == "True"

    def events(self) -> list[str]:
        """Return the reasons of all Events on Notes."""
        found = json.loads(self.kubectl("get", "events.events.k8s.io", "--output=json"))["items"]
        return [each["reason"] for each in found if each["regarding"]["kind"] == "Note"]


def until(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Wait until something is so; fail, and say what was waited for, if it never is."""
    last = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < last, f"not within {seconds:g} s: {what}"
        time.sleep(_EVERY)


def writes(operator: OperatorProcess) -> float:
    """Return how many writes an operator has made so far, by its own count."""
    _, text = operator.get("/metrics")
    lines = [line for line in text.splitlines() if line.startswith("rumpf_api_requests_total{")]
    return sum(
        float(line.split()[-1]) for line in lines if 'verb="get"' not in line and 'verb="watch"' not in line
    )


def looks(operator: OperatorProcess) -> float:
    """Return how many reconciles an operator has ended."""
    _, text = operator.get("/metrics")
    return sum(
        float(line.split()[-1]) for line in text.splitlines() if line.startswith("rumpf_reconciles_total{")
    )
