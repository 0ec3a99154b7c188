"""The Pods in manifests, and the restricted Pod Security Standard that they are to meet.

The rules are those of Kubernetes' own admission; a field that they do not speak of is not looked at.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rumpf.manifests.reading import part, parts, words
from rumpf.objects import Manifest

_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
}
_SELINUX_TYPES = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
_PROFILES = {"RuntimeDefault", "Localhost"}


@dataclass(frozen=True)
class PodFinding:
    """What is wrong with a Pod: the path below its spec, what it is, what to do."""

    path: str
    what: str
    remedy: str


@dataclass(frozen=True)
class Pod:
    """A Pod as its owner describes it."""

    owner: Manifest
    namespace: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]


def pods_in(manifests: Iterable[Manifest]) -> Iterator[Pod]:
    """Yield the Pods that manifests are, or make."""
    for each in manifests:
        match each.get("kind"):
            case "Pod":
                template: Mapping[str, Any] = each
            case "CronJob":
                template = part(each, "spec", "jobTemplate", "spec", "template")
            case "DaemonSet" | "Deployment" | "Job" | "ReplicaSet" | "StatefulSet":
                template = part(each, "spec", "template")
            case _:
                continue
        namespace = str(part(each, "metadata").get("namespace", ""))
        yield Pod(each, namespace, part(template, "metadata", "labels"), part(template, "spec"))


def containers_of(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield all containers of a Pod, each with its path."""
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for number, container in enumerate(parts(spec, field)):
            yield f"{field}[{number}]", container


def restricted(spec: Mapping[str, Any]) -> Iterator[PodFinding]:
    """Yield why admission would refuse a Pod where the restricted standard is enforced."""
    yield from _of_the_host(spec)
    security = part(spec, "securityContext")
    yield from _of_both(security, "securityContext")
    for sysctl in parts(security, "sysctls"):
        if sysctl["name"] not in _SYSCTLS:
            yield PodFinding("securityContext.sysctls", f"{sysctl['name']} is not safe", "leave it out")
    for path, container in containers_of(spec):
        yield from _of_a_container(f"{path}.securityContext", part(container, "securityContext"), security)
        for port in parts(container, "ports"):
            if port.get("hostPort"):
                yield PodFinding(f"{path}.ports", f"host port {port['hostPort']}", "use a Service")
        yield from _hosts_of_probes(path, container)


def _of_the_host(spec: Mapping[str, Any]) -> Iterator[PodFinding]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield PodFinding(field, "it shares the node's", "leave it out")
    for number, volume in enumerate(parts(spec, "volumes")):
        for kind in sorted(set(volume) - {"name"} - _VOLUMES):
            yield PodFinding(
                f"volumes[{number}]",
                f"{kind} is not allowed",
                "use one of: " + ", ".join(sorted(_VOLUMES)),
            )


def _of_a_container(
    path: str, security: Mapping[str, Any], of_pod: Mapping[str, Any]
) -> Iterator[PodFinding]:
    yield from _of_both(security, path)
    if security.get("privileged"):
        yield PodFinding(path, "it is privileged", "leave it out")
    if security.get("allowPrivilegeEscalation") is not False:
        yield PodFinding(path, "it may gain privileges", "set allowPrivilegeEscalation: false")
    if "ALL" not in words(security, "capabilities", "drop"):
        yield PodFinding(path, "it keeps capabilities", "set capabilities: {drop: [ALL]}")
    if more := sorted(set(words(security, "capabilities", "add")) - {"NET_BIND_SERVICE"}):
        yield PodFinding(path, f"it adds capabilities: {', '.join(more)}", "do without")
    if security.get("runAsNonRoot", of_pod.get("runAsNonRoot")) is not True:
        yield PodFinding(path, "it may run as root", "set runAsNonRoot: true")
    profile = part(security, "seccompProfile") or part(of_pod, "seccompProfile")
    if profile.get("type") not in _PROFILES:
        yield PodFinding(path, "any system call is allowed", "set seccompProfile: {type: RuntimeDefault}")
    if security.get("procMount", "Default") != "Default":
        yield PodFinding(path, "it sees all of /proc", "leave procMount out")


def _of_both(security: Mapping[str, Any], path: str) -> Iterator[PodFinding]:
    """Yield what neither a Pod nor a container may say."""
    if security.get("runAsUser") == 0:
        yield PodFinding(path, "it runs as root", "use another user")
    selinux = part(security, "seLinuxOptions")
    if selinux.get("type", "") not in _SELINUX_TYPES or selinux.get("user") or selinux.get("role"):
        yield PodFinding(path, "it chooses its SELinux label", "leave seLinuxOptions out")
    if part(security, "appArmorProfile").get("type", "RuntimeDefault") not in _PROFILES:
        yield PodFinding(path, "it is without AppArmor", "leave appArmorProfile out")
    if part(security, "windowsOptions").get("hostProcess"):
        yield PodFinding(path, "it runs as a process of the host", "leave hostProcess out")


def _hosts_of_probes(path: str, container: Mapping[str, Any]) -> Iterator[PodFinding]:
    probes = [(name,) for name in ("livenessProbe", "readinessProbe", "startupProbe")]
    hooks = [("lifecycle", name) for name in ("postStart", "preStop")]
    for handler in (*probes, *hooks):
        for action in ("httpGet", "tcpSocket"):
            if part(container, *handler, action).get("host"):
                where = ".".join((path, *handler))
                yield PodFinding(where, "the kubelet would ask another host", "leave host out")
