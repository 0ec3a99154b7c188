import re
import timeit
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import pytest
from prometheus_client import parser
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser

from rumpf.runtime.metrics import Metrics

DOCS = Path(__file__).parents[3] / "docs/metrics.md"


@pytest.fixture
def metrics() -> Metrics:
    """An operator's metrics, of which everything has happened once."""
    made = Metrics("message-operator", "1.2.3")
    made.reconciled("Message", "done", 0.004)
    made.retried("Message")
    made.requested("get", 200, 0.03)
    made.noted("posted")
    made.show_queue("Message", depth=lambda: 3, active=lambda: 2)
    made.show_watch("Message", "", lambda: 12.5)
    made.show_objects("Message", lambda: 5000)
    made.show_leader(lambda: True)
    made.show_lag(lambda: 0.25)
    return made


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_reconciles_are_counted_by_kind_and_result_and_measured_by_kind(metrics: Metrics) -> None:
    for seconds in (0.004, 0.2, 90.0):
        metrics.reconciled("Message", "done", seconds)
    metrics.reconciled("Message", "failed", 0.001)
    metrics.reconciled("SampleDB", "done", 1.0)
    assert value(metrics, "rumpf_reconciles_total", kind="Message", result="done") == 4
    assert value(metrics, "rumpf_reconciles_total", kind="Message", result="failed") == 1
    assert value(metrics, "rumpf_reconcile_seconds_count", kind="Message") == 5
    assert value(metrics, "rumpf_reconcile_seconds_sum", kind="Message") == pytest.approx(90.209)
    assert value(metrics, "rumpf_reconcile_seconds_count", kind="SampleDB") == 1


def test_a_bucket_holds_what_took_as_long_as_its_bound_or_less(metrics: Metrics) -> None:
    for seconds in (0.001, 0.0011, 60.0, 61.0):
        metrics.reconciled("Other", "done", seconds)

    def up_to(bound: str) -> float | None:
        return value(metrics, "rumpf_reconcile_seconds_bucket", kind="Other", le=bound)

    assert [up_to(bound) for bound in ("0.001", "0.0025", "30.0", "60.0", "+Inf")] == [1, 2, 2, 3, 4]


def test_requests_are_counted_by_verb_and_code_where_no_answer_is_code_0(metrics: Metrics) -> None:
    metrics.requested("apply", 409, 0.01)
    metrics.requested("apply", 0, 30.0)
    metrics.requested("apply", 0, 30.0)
    assert value(metrics, "rumpf_api_requests_total", verb="apply", code="409") == 1
    assert value(metrics, "rumpf_api_requests_total", verb="apply", code="0") == 2
    assert value(metrics, "rumpf_api_request_seconds_count", verb="apply") == 3


def test_a_gauge_shows_what_is_when_it_is_read(metrics: Metrics) -> None:
    depth = 1
    metrics.show_queue("Message", depth=lambda: depth, active=lambda: 0)
    assert value(metrics, "rumpf_queue_depth", kind="Message") == 1
    depth = 7
    assert value(metrics, "rumpf_queue_depth", kind="Message") == 7
    assert value(metrics, "rumpf_leader") == 1
    metrics.show_leader(lambda: False)
    assert value(metrics, "rumpf_leader") == 0


def test_two_operators_in_one_process_count_apart(metrics: Metrics) -> None:
    other = Metrics("other-operator")
    other.retried("Message")
    other.retried("Message")
    assert value(metrics, "rumpf_retries_total", kind="Message") == 1
    assert value(other, "rumpf_retries_total", kind="Message") == 2


def test_it_says_which_operator_of_which_version_runs(metrics: Metrics) -> None:
    build = next(family for family in metrics.registry.collect() if family.name == "rumpf_build")
    assert build.samples[0].labels["operator"] == "message-operator"
    assert build.samples[0].labels["version"] == "1.2.3"


def test_it_tells_the_memory_and_cpu_of_the_process(metrics: Metrics) -> None:
    assert (value(metrics, "process_resident_memory_bytes") or 0) > 2**20
    assert (value(metrics, "process_cpu_seconds_total") or 0) > 0


def test_it_is_written_as_openmetrics_and_as_text_and_both_say_the_same(metrics: Metrics) -> None:
    openmetrics, openmetrics_type = metrics.text("application/openmetrics-text; version=1.0.0")
    text, text_type = metrics.text("text/plain")
    assert openmetrics_type.startswith("application/openmetrics-text")
    assert text_type.startswith("text/plain")
    parsed = openmetrics_parser.text_string_to_metric_families(openmetrics.decode())  # type: ignore[no-untyped-call]
    by_openmetrics = cast("Iterable[Metric]", parsed)
    ours = [_ours(by_openmetrics), _ours(parser.text_string_to_metric_families(text.decode()))]
    assert ours[0] == ours[1]
    assert ours[0]["rumpf_objects", "Message"] == 5000


def _ours(families: Iterable[Metric]) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("rumpf_")
    }


def test_a_count_costs_less_than_two_microseconds(metrics: Metrics) -> None:
    def microseconds(what: str) -> float:
        times = timeit.repeat(what, globals={"metrics": metrics}, number=10_000, repeat=5)
        return min(times) / 10_000 * 1e6

    assert microseconds("metrics.reconciled('Message', 'done', 0.02)") < 2 * 2  # a count and a duration
    assert microseconds("metrics.requested('get', 200, 0.02)") < 2 * 2
    assert microseconds("metrics.retried('Message')") < 2


def test_the_docs_list_every_metric_with_its_type_and_labels(metrics: Metrics) -> None:
    found = {
        (family.name, family.type, frozenset(family.samples[0].labels) - {"le"})
        for family in metrics.registry.collect()
        if family.name != "rumpf_build"
    }
    row = re.compile(r"^\| `(\w+)` \| (counter|gauge|histogram) \|([^|]*)\| .+ \|$", re.MULTILINE)
    listed = [
        (name.removesuffix("_total"), kind, frozenset(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in row.findall(DOCS.read_text())
    ]
    assert len(listed) == len(set(listed))
    assert set(listed) == found
    assert "| `rumpf_build_info` | info | `operator`, `version`, `python` |" in DOCS.read_text()
