"""Changes to a restricted Pod, and whether it is restricted still: for our own rules, and for admission's."""

from collections.abc import Callable
from typing import Any

Change = Callable[[Any], Any]


def _good(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": "example.com/image:1",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }


GOOD: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "initContainers": [_good("init")],
    "containers": [_good("main")],
}


def _pod(**fields: Any) -> Change:  # noqa: ANN401 - JSON
    return lambda spec: spec.update(fields)


def _pod_security(**fields: Any) -> Change:  # noqa: ANN401 - JSON
    return lambda spec: spec["securityContext"].update(fields)


def _container(**fields: Any) -> Change:  # noqa: ANN401 - JSON
    return lambda spec: spec["containers"][0].update(fields)


def _security(**fields: Any) -> Change:  # noqa: ANN401 - JSON
    return lambda spec: spec["containers"][0]["securityContext"].update(fields)


def _volume(**source: Any) -> Change:  # noqa: ANN401 - JSON
    return _pod(volumes=[{"name": "volume", **source}])


def _without(field: str) -> Change:
    return lambda spec: spec["containers"][0]["securityContext"].pop(field)


def _pod_without(field: str) -> Change:
    return lambda spec: spec["securityContext"].pop(field)


def _probe(**handler: Any) -> Change:  # noqa: ANN401 - JSON
    return _container(livenessProbe=handler)


CHANGES: dict[str, tuple[Change, bool]] = {
    "the node's network": (_pod(hostNetwork=True), False),
    "the node's processes": (_pod(hostPID=True), False),
    "the node's memory": (_pod(hostIPC=True), False),
    "a folder of the node": (_volume(hostPath={"path": "/"}), False),
    "a volume over the network": (_volume(nfs={"server": "a", "path": "/"}), False),
    "a Secret": (_volume(secret={"secretName": "a"}), True),
    "an empty folder": (_volume(emptyDir={}), True),
    "a claim": (_volume(persistentVolumeClaim={"claimName": "a"}), True),
    "a port of the node": (_container(ports=[{"containerPort": 80, "hostPort": 80}]), False),
    "a port": (_container(ports=[{"containerPort": 80}]), True),
    "privileged": (_security(privileged=True, allowPrivilegeEscalation=True), False),
    "escalation allowed": (_security(allowPrivilegeEscalation=True), False),
    "escalation not spoken of": (_without("allowPrivilegeEscalation"), False),
    "all capabilities kept": (_without("capabilities"), False),
    "one capability dropped": (_security(capabilities={"drop": ["KILL"]}), False),
    "a capability added": (_security(capabilities={"drop": ["ALL"], "add": ["SYS_TIME"]}), False),
    "the one capability that is fine": (
        _security(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
        True,
    ),
    "the Pod may be root": (_pod_without("runAsNonRoot"), False),
    "the container may be root": (_security(runAsNonRoot=False), False),
    "the container is root": (_security(runAsUser=0), False),
    "the Pod is root": (_pod_security(runAsUser=0), False),
    "another user": (_security(runAsUser=1000), True),
    "no seccomp": (_pod_without("seccompProfile"), False),
    "seccomp off": (_security(seccompProfile={"type": "Unconfined"}), False),
    "seccomp of its own": (
        _security(seccompProfile={"type": "Localhost", "localhostProfile": "a.json"}),
        True,
    ),
    "a safe sysctl": (_pod_security(sysctls=[{"name": "net.ipv4.tcp_syncookies", "value": "1"}]), True),
    "an unsafe sysctl": (_pod_security(sysctls=[{"name": "kernel.msgmax", "value": "1"}]), False),
    "an SELinux user": (_pod_security(seLinuxOptions={"user": "a"}), False),
    "an SELinux type": (_security(seLinuxOptions={"type": "spc_t"}), False),
    "an SELinux type of containers": (_security(seLinuxOptions={"type": "container_t"}), True),
    "an SELinux level": (_security(seLinuxOptions={"level": "s0"}), True),
    "no AppArmor": (_security(appArmorProfile={"type": "Unconfined"}), False),
    "AppArmor": (_security(appArmorProfile={"type": "RuntimeDefault"}), True),
    "a probe of another host": (_probe(httpGet={"port": 80, "host": "example.com"}), False),
    "a probe": (_probe(httpGet={"port": 80}), True),
    "a hook to another host": (
        _container(lifecycle={"preStop": {"httpGet": {"port": 80, "host": "example.com"}}}),
        False,
    ),
}
