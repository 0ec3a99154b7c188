"""An operator that many tests share: installed for all namespaces, started anew when one has killed it."""

from pathlib import Path

from rumpf.manifests import Options, render, to_yaml
from rumpf.testing import Kubectl, Logs, OperatorProcess, Operators, RunningCluster

_NAME, _NAMESPACE = "configwatcher", "house"
_RIGHTS = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
_EVERYWHERE = {"WATCH_NAMESPACE": "", "RUMPF_GRANT_SECRETS": "*", "RUMPF_GRANT_ROLLOUT": "*"}


class House:
    """Runs the operator in one cluster, with every grant. A start takes a second; most tests need none."""

    def __init__(self, cluster: RunningCluster, folder: Path) -> None:
        kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig)
        kubectl("create", "namespace", _NAMESPACE)
        self._operators = Operators(kubectl.within(_NAMESPACE), _NAMESPACE, folder, Logs())
        operator = self._operators.install(_NAME)
        grants = dict.fromkeys(("secrets", "rollout"), ("*",))
        rendered = render(operator, Options(namespace=_NAMESPACE, grants=grants))
        rights = [each for each in rendered.deploy if each["kind"] in _RIGHTS]
        kubectl("apply", "--server-side", "--filename=-", input=to_yaml(rights))
        self._process: OperatorProcess | None = None

    def operator(self) -> OperatorProcess:
        """Return it, running and ready."""
        if self._process is None or self._process.process.poll() is not None:
            self._process = self._operators.run(_NAME, environment=_EVERYWHERE)
        return self._process

    def stop(self) -> None:
        """Stop it: another is to look after the same ConfigWatchers."""
        if self._process is not None and self._process.process.poll() is None:
            self._process.stop()

    def log(self) -> str:
        """Return what the last one has logged."""
        return self._process.log.read_text() if self._process else ""

    def close(self) -> None:
        """Kill it."""
        self._operators.close()
