"""Messages in a test's namespace, and what became of them."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rumpf.testing import Kubectl, OperatorProcess, Operators

Object = dict[str, Any]
_EVERY = 0.1
COLLECTED = 90.0
"""Kubernetes' garbage collector learns of a new kind within half a minute; until then it lets children be."""


@dataclass(frozen=True)
class Messages:
    """The Messages of one namespace, as a person with kubectl sees them."""

    kubectl: Kubectl
    operators: Operators
    image: str

    def operator(self, **options: Any) -> OperatorProcess:  # noqa: ANN401 - those of Operators.run
        """Run the operator, and wait until it is ready."""
        return self.operators.run("message", **self._with_image(options))

    def operator_starting(self, **options: Any) -> OperatorProcess:  # noqa: ANN401 - those of Operators.start
        """Run the operator, and do not wait for it."""
        return self.operators.start("message", **self._with_image(options))

    def create(self, name: str = "hello-msg", text: str = "Hello, operator", **metadata: Any) -> None:  # noqa: ANN401
        """Create one."""
        self.kubectl("create", "--filename=-", input=json.dumps(self.manifest(name, text, **metadata)))

    def manifest(self, name: str, text: object, **metadata: Any) -> Object:  # noqa: ANN401 - metadata's fields
        """Return its manifest."""
        return {
            "apiVersion": "myorg.dev/v1",
            "kind": "Message",
            "metadata": {"name": name, **metadata},
            "spec": {"text": text},
        }

    def patch(self, text: str, name: str = "hello-msg") -> None:
        """Change its text."""
        patch = json.dumps({"spec": {"text": text}})
        self.kubectl("patch", "message", name, "--type=merge", f"--patch={patch}")

    def ready(self, name: str = "hello-msg", seconds: int = 60) -> None:
        """Wait as a person would."""
        self.kubectl("wait", "--for=condition=Ready", f"message/{name}", f"--timeout={seconds}s")

    def get(self, name: str = "hello-msg") -> Object:
        """Return it."""
        found: Object = json.loads(self.kubectl("get", "message", name, "--output=json"))
        return found

    def condition(self, name: str = "hello-msg") -> Mapping[str, str]:
        """Return its condition Ready; empty if there is none."""
        conditions = self.get(name).get("status", {}).get("conditions", ())
        return next((each for each in conditions if each["type"] == "Ready"), {})

    def pods(self) -> list[Object]:
        """Return all Pods of the namespace."""
        found: list[Object] = json.loads(self.kubectl("get", "pods", "--output=json"))["items"]
        return found

    def log(self, pod: str = "msg-hello-msg") -> str:
        """Return what a Pod has printed."""
        return self.kubectl("logs", pod)

    def events(self) -> list[str]:
        """Return the reasons of the Events on Messages, oldest first."""
        asked = ("get", "events.events.k8s.io", "--output=json")
        found = json.loads(self.kubectl(*asked))["items"]
        about = [each for each in found if each["regarding"]["kind"] == "Message"]
        return [each["reason"] for each in sorted(about, key=lambda each: each["eventTime"] or "")]

    def prints(self, text: str, pod: str = "msg-hello-msg") -> bool:
        """Tell whether a Pod has printed exactly this text."""
        done = self.kubectl.run("logs", pod)
        return done.returncode == 0 and done.stdout == f"{text}\n"

    def _with_image(self, options: dict[str, Any]) -> dict[str, Any]:
        environment = {"MESSAGE_IMAGE": self.image, **options.pop("environment", {})}
        return {**options, "environment": environment}


def until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait until something is so; fail, and say what was waited for, if it never is."""
    last = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < last, f"not within {seconds:g} s: {what}"
        time.sleep(_EVERY)
