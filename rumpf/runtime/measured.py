"""The metrics that an operator's author declared, as far as they have come in this process."""

import math
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.metrics_core import Metric

from rumpf.errors import DeclarationError
from rumpf.measures import Counter, Histogram
from rumpf.runtime.instruments import Counts, Distributions, Values


class Measured:
    """Counts and measures what was declared, and refuses all else."""

    def __init__(self, declared: Iterable[Counter | Histogram] = ()) -> None:
        self._counters: dict[str, Counts] = {}
        self._histograms: dict[str, Distributions] = {}
        for each in declared:
            if isinstance(each, Counter):
                self._counters[each.name] = Counts(each.family, each.text, each.labels)
            else:
                self._histograms[each.name] = Distributions(each.name, each.text, each.labels, each.buckets)

    def count(self, metric: Counter, by: float, labels: Mapping[str, str]) -> None:
        """See `World.count`."""
        counts = self._counters.get(metric.name)
        if counts is None:
            raise _undeclared(metric)
        if not 0 <= by < math.inf:
            raise DeclarationError(
                f"it is to grow by {by}, and only grows", where=metric.name, remedy="count what happened"
            )
        counts.add(_values(metric, labels), by)

    def observe(self, metric: Histogram, value: float, labels: Mapping[str, str]) -> None:
        """See `World.observe`."""
        distributions = self._histograms.get(metric.name)
        if distributions is None:
            raise _undeclared(metric)
        if not math.isfinite(value):
            raise DeclarationError(
                f"{value} is no amount", where=metric.name, remedy="leave out what was not measured"
            )
        distributions.add(_values(metric, labels), value)

    def families(self) -> Iterator[Metric]:
        """Yield all of them as they are written."""
        for counts in self._counters.values():
            yield counts.family()
        for distributions in self._histograms.values():
            yield distributions.family()


def _values(metric: Counter | Histogram, labels: Mapping[str, str]) -> Values:
    if labels.keys() != set(metric.labels):
        raise DeclarationError(
            f"it is told apart by {', '.join(metric.labels) or 'nothing'}, and is given "
            f"{', '.join(labels) or 'nothing'}",
            where=metric.name,
            remedy="give it a value for each of its labels, and no other",
        )
    # Whatever is no text would be found out only when somebody reads it.
    return tuple([str(labels[name]) for name in metric.labels])


def _undeclared(metric: Counter | Histogram) -> DeclarationError:
    return DeclarationError(
        "no such metric was declared", where=metric.name, remedy="add it to Operator(..., metrics=[...])"
    )
