"""What a look has to do with beside objects: people, Prometheus, who installed the operator, the queue."""

from rumpf.measures import Counter, Histogram
from rumpf.objects import Reference
from rumpf.resource import ObjectMeta, Resource
from rumpf.rights import Grant
from rumpf.runtime.stage import Stage
from rumpf.world import EventType


class Surroundings:
    """Of one look at one resource."""

    def __init__(self, stage: Stage, resource: Resource) -> None:
        self.namespace = resource.namespace
        self.settings = stage.settings
        self.look_again: float | None = None
        self._stage = stage
        self._resource = resource

    def event(
        self,
        reason: str,
        message: str,
        *,
        type: EventType = "Normal",  # noqa: A002 - as in the API
        about: Reference | None = None,
    ) -> None:
        """See `World.event`."""
        kind, metadata = self._resource.names.kind, self._resource.metadata
        if about is not None:
            kind, metadata = about.kind, ObjectMeta(name=about.name, namespace=about.namespace, uid=about.uid)
        self._stage.note(kind, metadata, type, reason, message)

    def granted(self, grant: Grant, namespace: str | None = None) -> bool:
        """See `World.granted`."""
        return self._stage.granted(grant, self.namespace if namespace is None else namespace)

    def count(self, metric: Counter, by: float = 1, **labels: str) -> None:
        """See `World.count`."""
        self._stage.measured.count(metric, by, labels)

    def observe(self, metric: Histogram, value: float, **labels: str) -> None:
        """See `World.observe`."""
        self._stage.measured.observe(metric, value, labels)

    def again(self, seconds: float) -> None:
        """See `World.again`."""
        self.look_again = seconds if self.look_again is None else min(seconds, self.look_again)
