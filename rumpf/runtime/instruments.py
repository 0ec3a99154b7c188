"""What counts and measures: a dictionary's look-up and an addition each time; all else when somebody reads.

Belongs to one event loop: it takes no locks.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

Read = Callable[[], float]
"""Returns what a gauge shows now."""
Values = tuple[str, ...]
"""Of labels, in the order in which these were declared."""


class Counts:
    """Counts, by the values of labels."""

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self._name, self._text, self._labels = name, text, labels
        # What has no labels is 0 from the start: so that its first time is seen as a rise.
        self._counts: dict[Values, float] = {} if labels else {(): 0}

    def add(self, values: Values, by: float = 1) -> None:
        """Count once, or so many times."""
        counts = self._counts
        counts[values] = counts.get(values, 0) + by

    def family(self) -> Metric:
        """Return it as it is written."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for values, count in sorted(self._counts.items()):
            family.add_metric(values, count)
        return family


class _Distribution:
    """How often something was how much."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, amount: float) -> None:
        self._counts[bisect_left(self._bounds, amount)] += 1
        self._sum += amount

    def add_to(self, family: HistogramMetricFamily, values: Values) -> None:
        so_far = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*map(float, self._bounds), "+Inf"), self._counts, strict=True):
            so_far += count
            buckets.append((str(bound), so_far))
        family.add_metric(values, buckets, self._sum)


class Distributions:
    """Distributions, by the values of labels."""

    def __init__(self, name: str, text: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        self._name, self._text, self._labels, self._bounds = name, text, labels, bounds
        self._distributions: dict[Values, _Distribution] = {} if labels else {(): _Distribution(bounds)}

    def add(self, values: Values, amount: float) -> None:
        """Take note of one."""
        distribution = self._distributions.get(values)
        if distribution is None:
            distribution = self._distributions[values] = _Distribution(self._bounds)
        distribution.add(amount)

    def family(self) -> Metric:
        """Return it as it is written."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        for values, distribution in sorted(self._distributions.items(), key=lambda each: each[0]):
            distribution.add_to(family, values)
        return family


class Gauge:
    """Something that is asked for its value when somebody reads it."""

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._read: dict[Values, Read] = {}

    def show(self, values: Values, read: Read) -> None:
        """Show what that returns."""
        self._read[values] = read

    def family(self) -> Metric:
        """Return it as it is written, asked now."""
        family = GaugeMetricFamily(self._name, self._text, labels=self._labels)
        for values, read in sorted(self._read.items(), key=lambda each: each[0]):
            family.add_metric(values, float(read()))
        return family
