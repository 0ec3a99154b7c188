"""What an operator counts and measures of itself, and how Prometheus reads it.

docs/metrics.md lists what there is.
"""

import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from rumpf import __version__
from rumpf.measures import Counter, Histogram
from rumpf.runtime.instruments import Counts, Distributions, Gauge, Read
from rumpf.runtime.measured import Measured

OPENMETRICS = "application/openmetrics-text"

_RECONCILES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_REQUESTS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True, eq=False)
class _Families(Collector):
    """All of them, for a registry."""

    every: Sequence[Counts | Distributions | Gauge]
    measured: Measured
    build: Metric

    def collect(self) -> Iterator[Metric]:
        for one in self.every:
            yield one.family()
        yield from self.measured.families()
        yield self.build


class Metrics:
    """What one operator tells of itself. Nothing here knows of another operator in the same process."""

    def __init__(
        self, operator: str, version: str = __version__, declared: Iterable[Counter | Histogram] = ()
    ) -> None:
        self.measured = Measured(declared)
        """What its author has it count and measure."""
        self._reconciles = Counts(
            "rumpf_reconciles", "Reconciles that ended, by how they ended.", ("kind", "result")
        )
        self._seconds = Distributions(
            "rumpf_reconcile_seconds", "How long reconciles took.", ("kind",), _RECONCILES
        )
        self._retries = Counts("rumpf_retries", "Reconciles that failed and are tried again.", ("kind",))
        self._depth = Gauge("rumpf_queue_depth", "Objects that wait for a worker.", ("kind",))
        self._active = Gauge("rumpf_active_workers", "Objects that are being worked on.", ("kind",))
        self._requests = Counts(
            "rumpf_api_requests", "Requests to the API server; code 0: no answer came.", ("verb", "code")
        )
        self._request_seconds = Distributions(
            "rumpf_api_request_seconds",
            "How long the API server took to answer; of a watch: to open it.",
            ("verb",),
            _REQUESTS,
        )
        self._events = Counts(
            "rumpf_events",
            "Events to be told: posted, counted up, or lost (dropped: too many; limited: too many of one "
            "object; failed: refused).",
            ("outcome",),
        )
        self._leader = Gauge("rumpf_leader", "1 in the replica that is at work, else 0.")
        self._age = Gauge(
            "rumpf_watch_age_seconds",
            "How long ago the API server was last heard on a watch; it says something every minute or so.",
            ("kind", "namespace"),
        )
        self._objects = Gauge("rumpf_objects", "Objects in memory, as the watches have seen them.", ("kind",))
        self._lag = Gauge(
            "rumpf_loop_lag_seconds", "How long the event loop kept others waiting, at worst, just lately."
        )
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(
            _Families(
                (
                    *(self._reconciles, self._seconds, self._retries, self._depth, self._active),
                    *(self._requests, self._request_seconds, self._events),
                    *(self._leader, self._age, self._objects, self._lag),
                ),
                self.measured,
                InfoMetricFamily(
                    "rumpf_build",
                    "What runs here.",
                    {"operator": operator, "version": version, "python": platform.python_version()},
                ),
            )
        )
        ProcessCollector(registry=self.registry)

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        """Count a reconcile that ended, and how long it took."""
        self._reconciles.add((kind, result))
        self._seconds.add((kind,), seconds)

    def retried(self, kind: str) -> None:
        """Count one that will be tried again."""
        self._retries.add((kind,))

    def requested(self, verb: str, code: int, seconds: float) -> None:
        """Count a request to the API server."""
        self._requests.add((verb, str(code)))
        self._request_seconds.add((verb,), seconds)

    def noted(self, outcome: str) -> None:
        """Count an Event, by what became of it."""
        self._events.add((outcome,))

    def show_queue(self, kind: str, *, depth: Read, active: Read) -> None:
        """Show how much waits, and how much is under way."""
        self._depth.show((kind,), depth)
        self._active.show((kind,), active)

    def show_watch(self, kind: str, namespace: str, age: Read) -> None:
        """Show how long ago a watch was last heard; the namespace is empty for all of them."""
        self._age.show((kind, namespace), age)

    def show_objects(self, kind: str, count: Read) -> None:
        """Show how many objects of a kind are in memory."""
        self._objects.show((kind,), count)

    def show_leader(self, leading: Callable[[], bool]) -> None:
        """Show whether this replica is at work."""
        self._leader.show((), leading)

    def show_lag(self, lag: Read) -> None:
        """Show how late the event loop is."""
        self._lag.show((), lag)

    def text(self, accept: str = OPENMETRICS) -> tuple[bytes, str]:
        """Return all of it and its content type: OpenMetrics, or Prometheus' older text for who asks."""
        encode, content_type = choose_encoder(accept)
        encoded: bytes = encode(self.registry)
        return encoded, content_type
