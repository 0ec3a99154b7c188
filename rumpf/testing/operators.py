"""Operators under test: installed with their own RBAC, run as processes that can be killed at any moment."""

import base64
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rumpf.errors import InstallError
from rumpf.rights import NOTHING_SAID
from rumpf.testing.kubectl import Kubectl
from rumpf.testing.logs import Logs, tail

if TYPE_CHECKING:
    from rumpf.operator import Operator

_PATIENCE = 60.0
_GRACE = 20.0
_EVERY = 0.02
_NOTHING: Mapping[str, str] = {}


class OperatorProcess:
    """A running operator: `python -m rumpf.runtime`, with a log and an address for its probes."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path, port: int) -> None:
        self.process = process
        self.log = log
        self.port = port

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def get(self, path: str) -> tuple[int, str]:
        """Ask its own address: /metrics, /healthz, /readyz. The status is 0 where nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def wait_ready(self, seconds: float = _PATIENCE) -> Self:
        """Wait until it has listed all that it watches."""
        until = time.monotonic() + seconds
        while self.get("/readyz")[0] != 200:  # noqa: PLR2004 - OK
            if self.process.poll() is not None or time.monotonic() > until:
                raise InstallError(
                    f"the operator did not become ready; its log ends with:\n{tail(self.log.read_text())}",
                    where=str(self.log),
                    remedy="mend what the log tells of",
                )
            time.sleep(_EVERY)
        return self

    def kill(self) -> None:
        """Kill it, as a node that fails would: nothing is cleaned up."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop, as Kubernetes does, and return its exit code; kill it where it does not."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()


class Operators:
    """Runs operators of the project in one namespace, each as its own ServiceAccount with just its RBAC."""

    def __init__(self, kubectl: Kubectl, namespace: str, folder: Path, logs: Logs) -> None:
        self._kubectl = kubectl
        self._namespace = namespace
        self._folder = folder
        self._logs = logs
        self._tokens: dict[str, str] = {}
        self._granted: dict[str, dict[str, str]] = {}
        self._running = ExitStack()
        self._count = 0

    def install(
        self,
        name: str,
        settings: Mapping[str, str] = _NOTHING,
        grants: Mapping[str, Sequence[str]] = NOTHING_SAID,
    ) -> "Operator":
        """Install its CRDs, ServiceAccount and RBAC, but not its Deployment: it is run from here.

        Processes that are started afterwards are told of its `grants`.
        """
        from rumpf.manifests import Options, render, to_yaml
        from rumpf.manifests.granting import variables_of
        from rumpf.project import load

        operator = load(name)
        options = Options(
            namespace=self._namespace, watch=[self._namespace], settings=settings, grants=grants
        )
        self._granted[name] = variables_of(operator, options)
        rendered = render(operator, options)
        deploy = [each for each in rendered.deploy if each["kind"] in _RIGHTS]
        apply = ("apply", "--server-side", "--force-conflicts", "--filename=-")
        self._kubectl(*apply, input=to_yaml(rendered.crds))
        names = [f"crd/{crd['metadata']['name']}" for crd in rendered.crds]
        self._kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)
        # Events of resources without a namespace are in another namespace, and so is the right to them.
        everywhere = Kubectl(self._kubectl.binary, self._kubectl.kubeconfig)
        everywhere(*apply, input=to_yaml(deploy))
        return operator

    def token(self, name: str) -> str:
        """Return a token of the operator's ServiceAccount; install it first if that was not done."""
        if name not in self._tokens:
            from rumpf.project import load

            operator = load(name) if name in self._granted else self.install(name)
            self._tokens[name] = self._kubectl("create", "token", operator.full_name).strip()
        return self._tokens[name]

    def start(
        self,
        name: str,
        *,
        kubeconfig: Path | None = None,
        environment: Mapping[str, str] = _NOTHING,
        elects: bool = False,
    ) -> OperatorProcess:
        """Start one process of an operator; with `kubeconfig` through a proxy's. It ends with the test.

        It watches the test's namespace alone. `elects`: it takes part in the election of a leader.
        """
        from rumpf.cluster.ports import free_port
        from rumpf.project import find

        token = self.token(name)
        self._count += 1
        title = f"{name}-{self._count}"
        config = kubeconfig or self._kubeconfig(title, token)
        log, port = self._folder / f"{title}.log", free_port()
        project = find()
        variables = {
            **os.environ,
            "KUBECONFIG": str(config),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(project.root), os.environ.get("PYTHONPATH")))),
            "WATCH_NAMESPACE": self._namespace,
            "POD_NAMESPACE": self._namespace,
            "POD_NAME": title,
            "RUMPF_LEADER_ELECTION": "1" if elects else "0",
            "RUMPF_HTTP": f"127.0.0.1:{port}",
            "RUMPF_LOG_FORMAT": "text",
            **self._granted[name],
            **environment,
        }
        command = [sys.executable, "-m", "rumpf.runtime", f"operators.{project.folder(name).name}"]
        with log.open("wb") as file:
            process = subprocess.Popen(command, env=variables, stdout=file, stderr=subprocess.STDOUT)
        self._logs.add(f"operator {title}", log)
        return self._running.enter_context(OperatorProcess(process, log, port))

    def run(
        self,
        name: str,
        *,
        kubeconfig: Path | None = None,
        environment: Mapping[str, str] = _NOTHING,
        elects: bool = False,
    ) -> OperatorProcess:
        """Start it, and wait until it is ready."""
        return self.start(name, kubeconfig=kubeconfig, environment=environment, elects=elects).wait_ready()

    def close(self) -> None:
        """Kill what still runs."""
        self._running.close()

    def _kubeconfig(self, title: str, token: str) -> Path:
        """Write a kubeconfig of the operator's own: the cluster's address and authority, and its token."""
        import yaml

        config = yaml.safe_load(self._kubectl.kubeconfig.read_text())
        current = next(c["context"] for c in config["contexts"] if c["name"] == config["current-context"])
        cluster = next(c["cluster"] for c in config["clusters"] if c["name"] == current["cluster"])
        if file := cluster.pop("certificate-authority", None):
            data = (self._kubectl.kubeconfig.parent / file).read_bytes()
            cluster["certificate-authority-data"] = base64.b64encode(data).decode()
        made = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": title, "cluster": cluster}],
            "users": [{"name": title, "user": {"token": token}}],
            "contexts": [{"name": title, "context": {"cluster": title, "user": title}}],
            "current-context": title,
        }
        path = self._folder / f"{title}.kubeconfig"
        path.touch(0o600)
        path.write_text(json.dumps(made))
        return path


_RIGHTS = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
