"""What an author counts and measures is served beside rumpf's own; what was not declared is refused."""

import time
import timeit
from typing import cast

import pytest
from prometheus_client import parser

from rumpf import Counter, Histogram, Operator, World, reconciler
from rumpf.errors import DeclarationError
from rumpf.runtime.metrics import Metrics
from tests.unit.runtime.clockwork import run
from tests.unit.runtime.cluster import Cluster
from tests.unit.runtime.operating import GADGET, Gadget, GadgetStatus, operating, until

RESTARTS = Counter("gadget_restarts_total", "Restarts, by what came of them.", ("result", "kind"))
PODS = Counter("gadget_pods_total", "Pods.")
LATENCY = Histogram("gadget_latency_seconds", "How long it took.", (1, 2.5, 10), ("result",))
SIZE = Histogram("gadget_size_bytes", "How large it was.")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("gadget-operator", declared=[RESTARTS, PODS, LATENCY, SIZE])


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_what_is_counted_is_told_apart_by_its_labels(metrics: Metrics) -> None:
    metrics.measured.count(RESTARTS, 1, {"result": "done", "kind": "Deployment"})
    metrics.measured.count(RESTARTS, 2.5, {"kind": "Deployment", "result": "done"})
    metrics.measured.count(RESTARTS, 1, {"result": "failed", "kind": "Deployment"})
    assert value(metrics, "gadget_restarts_total", result="done", kind="Deployment") == 3.5
    assert value(metrics, "gadget_restarts_total", result="failed", kind="Deployment") == 1


def test_what_has_no_labels_is_there_from_the_start(metrics: Metrics) -> None:
    assert value(metrics, "gadget_pods_total") == 0
    assert value(metrics, "gadget_size_bytes_count") == 0
    assert value(metrics, "gadget_latency_seconds_count", result="done") is None


def test_what_is_measured_is_in_its_bucket_and_in_all_above(metrics: Metrics) -> None:
    for seconds in (1, 2, 11):
        metrics.measured.observe(LATENCY, seconds, {"result": "done"})
    found = [
        value(metrics, "gadget_latency_seconds_bucket", result="done", le=bound)
        for bound in ("1.0", "2.5", "10.0", "+Inf")
    ]
    assert found == [1, 2, 2, 3]
    assert value(metrics, "gadget_latency_seconds_sum", result="done") == 14


def test_it_is_written_beside_rumpfs_own_and_a_label_that_is_no_text_does_no_harm(metrics: Metrics) -> None:
    metrics.measured.count(RESTARTS, 1, {"result": cast("str", 200), "kind": 'a "b"\n'})
    text, _ = metrics.text("text/plain")
    families = {each.name: each for each in parser.text_string_to_metric_families(text.decode())}
    assert families["gadget_restarts"].documentation == RESTARTS.text
    assert families["gadget_restarts"].samples[0].labels == {"result": "200", "kind": 'a "b"\n'}
    assert families["gadget_latency_seconds"].type == "histogram"
    assert "rumpf_reconciles" in families


@pytest.mark.parametrize(
    "labels", [{}, {"result": "done"}, {"result": "done", "kind": "Pod", "name": "a"}], ids=str
)
def test_labels_that_were_not_declared_or_are_missing_are_refused(
    metrics: Metrics, labels: dict[str, str]
) -> None:
    with pytest.raises(DeclarationError, match="gadget_restarts_total: it is told apart by result, kind"):
        metrics.measured.count(RESTARTS, 1, labels)
    assert "gadget_restarts_total{" not in metrics.text("text/plain")[0].decode()


def test_what_was_not_declared_is_named(metrics: Metrics) -> None:
    with pytest.raises(DeclarationError, match="other_total: no such metric was declared"):
        metrics.measured.count(Counter("other_total", "Another."), 1, {})
    with pytest.raises(DeclarationError, match="other_seconds: no such metric was declared"):
        metrics.measured.observe(Histogram("other_seconds", "Another."), 1, {})


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf")])
def test_what_would_spoil_all_that_was_counted_is_refused(metrics: Metrics, amount: float) -> None:
    with pytest.raises(DeclarationError, match="gadget_pods_total: it is to grow by"):
        metrics.measured.count(PODS, amount, {})
    if amount != -1:
        with pytest.raises(DeclarationError, match=r"gadget_size_bytes: .* is no amount"):
            metrics.measured.observe(SIZE, amount, {})


def test_a_count_costs_less_than_five_microseconds(metrics: Metrics) -> None:
    def microseconds(what: str) -> float:
        names = {"measured": metrics.measured, "RESTARTS": RESTARTS, "LATENCY": LATENCY}
        # Of the processor's time: how busy the machine is does not matter.
        taken = timeit.repeat(what, globals=names, number=10_000, repeat=5, timer=time.process_time)
        return min(taken) / 10_000 * 1e6

    assert microseconds("measured.count(RESTARTS, 1, {'result': 'done', 'kind': 'Pod'})") < 5
    assert microseconds("measured.observe(LATENCY, 2.0, {'result': 'done'})") < 5


def test_a_reconcile_counts_and_measures_through_its_world() -> None:
    async def look(_: Gadget, world: World) -> GadgetStatus:
        world.count(RESTARTS, result="done", kind="Pod")
        world.count(PODS, 3)
        world.observe(LATENCY, 2.0, result="done")
        return GadgetStatus(phase="done")

    async def careless(_: Gadget, world: World) -> GadgetStatus:
        world.count(RESTARTS)
        return GadgetStatus()

    def operator(function: object) -> Operator:
        made = reconciler(Gadget)(function)  # type: ignore[arg-type]
        return Operator("gadget", made, description="A test.", metrics=[RESTARTS, PODS, LATENCY])

    async def main() -> None:
        cluster = Cluster()
        cluster.create(GADGET, "one", spec={})
        async with operating(operator(look), cluster) as it:
            await until(lambda: it.results, "it was looked at")
            samples = {each.name: each.samples for each in it.stage.measured.families()}
            assert samples["gadget_restarts"][0].labels == {"result": "done", "kind": "Pod"}
            assert samples["gadget_pods"][0].value == 3 * len(it.results)
        async with operating(operator(careless), cluster) as it:
            await until(lambda: it.results, "it was looked at")
            assert set(it.results) == {"failed"}

    run(main())
