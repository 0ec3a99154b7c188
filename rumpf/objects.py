"""Typed views of Kubernetes' own objects: what an operator reads of its children, by name and type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from rumpf.kinds import Kind

Manifest = dict[str, Any]
"""An object as it should be: plain dictionaries, wire names."""


@dataclass(frozen=True)
class Reference:
    """An object, by what it is called: enough to speak of it, or to ask for it."""

    kind: Kind
    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.name}"


class View:
    """An object as it is in the cluster. A subclass says its kind, and gives names to what is worth reading.

    A view holds the object as it was; it is never written back.
    """

    kind: ClassVar[Kind]
    immutable: ClassVar[bool] = False
    """Whether its spec cannot be changed: it is then replaced."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """Return the view of an object."""
        return cls(raw)

    def get(self, *path: str) -> Any:  # noqa: ANN401 - JSON
        """Return what is at a path of wire names, or None."""
        found: Any = self.raw
        for step in path:
            if not isinstance(found, Mapping):
                return None
            found = found.get(step)
        return found

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Its metadata."""
        found: Mapping[str, Any] = self.raw["metadata"]
        return found

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.metadata["name"])

    @property
    def namespace(self) -> str:
        """Its namespace; empty for what has none."""
        return str(self.metadata.get("namespace", ""))

    @property
    def uid(self) -> str:
        """What tells it from another of the same name."""
        return str(self.metadata["uid"])

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return self.metadata.get("labels") or {}

    @property
    def annotations(self) -> Mapping[str, str]:
        """Its annotations."""
        return self.metadata.get("annotations") or {}

    @property
    def deleting(self) -> bool:
        """Whether it is being deleted."""
        return "deletionTimestamp" in self.metadata

    @property
    def spent(self) -> bool:
        """Whether it has come to an end that it was not meant to come to: it is then replaced."""
        return False

    @property
    def owners(self) -> Sequence[str]:
        """The uids of its owners."""
        return [str(owner["uid"]) for owner in self.metadata.get("ownerReferences") or ()]

    @property
    def controller(self) -> Reference | None:
        """Who made it and looks after it; None if nobody does. What the kind's plural is is not known."""
        for owner in self.metadata.get("ownerReferences") or ():
            if owner.get("controller"):
                group, _, version = str(owner["apiVersion"]).rpartition("/")
                kind = Kind(group, version, str(owner["kind"]), plural="")
                return Reference(kind, self.namespace, str(owner["name"]), str(owner["uid"]))
        return None

    def condition(self, type: str) -> Mapping[str, Any]:  # noqa: A002 - as in the API
        """Return one of its conditions; empty if it has none of that type."""
        for condition in self.get("status", "conditions") or ():
            if condition.get("type") == type:
                found: Mapping[str, Any] = condition
                return found
        return {}

    def __repr__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind.kind} {place}{self.name}"


class Pod(View):
    """A Pod."""

    kind = Kind("", "v1", "Pod", "pods")
    immutable = True

    @property
    def phase(self) -> str:
        """Pending, Running, Succeeded, Failed or Unknown."""
        return str(self.get("status", "phase") or "Pending")

    @property
    def ready(self) -> bool:
        """Whether all its containers are ready, and it is not being deleted."""
        return self.condition("Ready").get("status") == "True" and not self.deleting

    @property
    def finished(self) -> bool:
        """Whether it has run to an end, and will not run again."""
        return self.phase in {"Succeeded", "Failed"}

    @property
    def spent(self) -> bool:
        """Whether it has finished though it was meant to run for ever: evicted, or its node is gone."""
        return self.finished and self.get("spec", "restartPolicy") == "Always"

    @property
    def trouble(self) -> tuple[str, str] | None:
        """Why it does not come up, if it says so: a reason and a sentence."""
        for status in self.get("status", "containerStatuses") or ():
            waiting = (status.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") not in {None, "ContainerCreating", "PodInitializing"}:
                return str(waiting["reason"]), str(waiting.get("message", ""))
        scheduled = self.condition("PodScheduled")
        if scheduled.get("status") == "False":
            return str(scheduled.get("reason", "Unschedulable")), str(scheduled.get("message", ""))
        return None


class Job(View):
    """A Job."""

    kind = Kind("batch", "v1", "Job", "jobs")
    immutable = True

    @property
    def complete(self) -> bool:
        """Whether it has succeeded."""
        return self.condition("Complete").get("status") == "True"

    @property
    def failed(self) -> bool:
        """Whether it has given up."""
        return self.condition("Failed").get("status") == "True"


class ConfigMap(View):
    """A ConfigMap."""

    kind = Kind("", "v1", "ConfigMap", "configmaps")


class Secret(View):
    """A Secret."""

    kind = Kind("", "v1", "Secret", "secrets")


class Service(View):
    """A Service."""

    kind = Kind("", "v1", "Service", "services")


class PersistentVolumeClaim(View):
    """A claim to a volume."""

    kind = Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")


class Deployment(View):
    """A Deployment."""

    kind = Kind("apps", "v1", "Deployment", "deployments")

    @property
    def ready(self) -> bool:
        """Whether all its replicas are there, of its newest template, available, and no older ones."""
        wanted = self.get("spec", "replicas")
        status = self.get("status") or {}
        counts = ("replicas", "updatedReplicas", "availableReplicas")
        return bool(
            status.get("observedGeneration", 0) >= self.metadata.get("generation", 0)
            and all(status.get(count, 0) == wanted for count in counts)
        )


class StatefulSet(View):
    """A StatefulSet."""

    kind = Kind("apps", "v1", "StatefulSet", "statefulsets")

    @property
    def ready(self) -> bool:
        """Whether all its replicas are there, of its newest template, and ready."""
        wanted = self.get("spec", "replicas")
        status = self.get("status") or {}
        return bool(
            status.get("observedGeneration", 0) >= self.metadata.get("generation", 0)
            and status.get("updatedReplicas", 0) == status.get("readyReplicas", 0) == wanted
        )


class DaemonSet(View):
    """A DaemonSet."""

    kind = Kind("apps", "v1", "DaemonSet", "daemonsets")


class ReplicaSet(View):
    """A ReplicaSet; mostly a Deployment's."""

    kind = Kind("apps", "v1", "ReplicaSet", "replicasets")
