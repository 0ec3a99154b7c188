"""What an author may declare to be counted and measured, and what Prometheus would not take."""

from typing import Any

import pytest

from rumpf import Counter, Histogram
from rumpf.errors import DeclarationError
from rumpf.measures import check_metrics


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("restarts", "a counter's name ends with _total"),
        ("Restarts_total", "'Restarts' cannot be its name"),
        ("re-starts_total", "'re-starts' cannot be"),
        ("_total", "'' cannot be"),
        ("rumpf_restarts_total", "'rumpf_restarts' cannot be"),
        ("process_cpu_seconds_total", "cannot be its name"),
        ("restarts_total_total", "cannot be its name"),
    ],
)
def test_a_counter_whose_name_cannot_be_is_refused(name: str, what: str) -> None:
    with pytest.raises(DeclarationError, match=what):
        Counter(name, "Restarts.")


@pytest.mark.parametrize("name", ["seconds_count", "seconds_bucket", "seconds_sum", "seconds_total", "1st"])
def test_a_histogram_whose_name_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(DeclarationError, match="cannot be its name"):
        Histogram(name, "How long it took.")


@pytest.mark.parametrize(
    "labels", [("le",), ("by",), ("metric",), ("a", "b", "a"), ("A",), ("a-b",)], ids=str
)
def test_labels_that_cannot_be_are_refused(labels: tuple[str, ...]) -> None:
    with pytest.raises(DeclarationError, match="cannot be its label"):
        Counter("restarts_total", "Restarts.", labels)


@pytest.mark.parametrize("buckets", [(), (1.0, 1.0), (2.0, 1.0), (1.0, float("inf"))], ids=str)
def test_buckets_that_do_not_rise_are_refused(buckets: tuple[float, ...]) -> None:
    with pytest.raises(DeclarationError, match="its buckets do not rise"):
        Histogram("latency_seconds", "How long it took.", buckets)


def test_one_that_says_nothing_is_refused() -> None:
    with pytest.raises(DeclarationError, match="nobody could tell what it is"):
        Counter("restarts_total", " ")


@pytest.mark.parametrize(
    "two",
    [
        [Counter("a_total", "A."), Counter("a_total", "B.")],
        [Counter("a_total", "A."), Histogram("a", "B.")],
    ],
    ids=["counters", "both"],
)
def test_two_that_prometheus_could_not_tell_apart_are_refused(two: list[Any]) -> None:
    with pytest.raises(DeclarationError, match="two metrics are called a"):
        check_metrics(two, "Operator('a')")
    check_metrics(two[:1], "Operator('a')")
