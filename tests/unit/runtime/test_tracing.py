import asyncio
import subprocess
import sys
import threading
import timeit
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from rumpf.runtime.tracing import Off, On, configure

trace = pytest.importorskip("opentelemetry.trace")
sdk = pytest.importorskip("opentelemetry.sdk.trace")
export = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

ONE_RECONCILE = """
from rumpf.runtime.tracing import configure
tracing = configure("message-operator")
with tracing.reconcile("Message", "team", "hello"):
    tracing.requested("apply", 200, 0.01)
tracing.close()
print(type(tracing).__name__)
"""
NOTHING_IMPORTED = """
import sys
from rumpf.runtime.tracing import configure
tracing = configure("message-operator")
with tracing.reconcile("Message", "team", "hello"):
    tracing.requested("apply", 200, 0.01)
print(type(tracing).__name__, sorted(name for name in sys.modules if name.startswith("opentelemetry")))
"""


class Collected:
    """Spans, kept in memory."""

    def __init__(self) -> None:
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor

        self._exporter: InMemorySpanExporter = export.InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = On(provider.get_tracer("rumpf"))

    @property
    def spans(self) -> "dict[str, ReadableSpan]":
        return {span.name: span for span in self._exporter.get_finished_spans()}


def test_a_reconcile_is_a_span_and_its_requests_are_within_it() -> None:
    collected = Collected()
    with collected.tracing.reconcile("Message", "team", "hello"):
        collected.tracing.requested("apply", 201, 0.25)
    spans = collected.spans
    assert set(spans) == {"reconcile Message", "apply"}
    reconcile, request = spans["reconcile Message"], spans["apply"]
    assert reconcile.attributes is not None
    assert dict(reconcile.attributes) == {
        "rumpf.kind": "Message",
        "k8s.namespace.name": "team",
        "rumpf.name": "hello",
    }
    assert request.parent is not None
    assert reconcile.context is not None
    assert request.parent.span_id == reconcile.context.span_id
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 201
    assert request.start_time is not None
    assert request.end_time is not None
    assert request.end_time - request.start_time == 250_000_000
    assert request.status.status_code.name == "UNSET"


@pytest.mark.parametrize("code", [0, 404, 503])
def test_a_request_that_failed_is_marked(code: int) -> None:
    collected = Collected()
    with collected.tracing.reconcile("Message", "team", "hello"):
        collected.tracing.requested("get", code, 0.1)
    assert collected.spans["get"].status.status_code.name == "ERROR"


def test_an_error_that_leaves_a_reconcile_is_in_its_span() -> None:
    collected = Collected()
    with pytest.raises(ValueError, match="a slip"), collected.tracing.reconcile("Message", "team", "hello"):
        raise ValueError("a slip")
    span = collected.spans["reconcile Message"]
    assert span.status.status_code.name == "ERROR"
    assert [event.name for event in span.events] == ["exception"]


def test_requests_that_no_reconcile_asked_for_make_no_spans() -> None:
    collected = Collected()
    collected.tracing.requested("watch", 200, 0.1)
    assert collected.spans == {}


def test_reconciles_at_the_same_time_keep_their_requests_apart() -> None:
    collected = Collected()

    async def reconcile(kind: str) -> None:
        with collected.tracing.reconcile(kind, "team", "hello"):
            await asyncio.sleep(0)
            collected.tracing.requested(f"get {kind}", 200, 0.1)

    async def both() -> None:
        await asyncio.gather(reconcile("A"), reconcile("B"))

    asyncio.run(both())
    spans = collected.spans
    for kind in "AB":
        parent, context = spans[f"get {kind}"].parent, spans[f"reconcile {kind}"].context
        assert parent is not None
        assert context is not None
        assert parent.span_id == context.span_id


def test_when_nothing_is_configured_nothing_is_imported() -> None:
    assert _run(NOTHING_IMPORTED, {}) == "Off []"


@pytest.mark.parametrize(
    "switch",
    [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}],
    ids=lambda each: next(iter(each)),
)
def test_what_is_switched_off_stays_off(switch: dict[str, str]) -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    assert _run(NOTHING_IMPORTED, endpoint | switch) == "Off []"


def test_with_an_endpoint_spans_are_sent_there_by_the_operators_name() -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    with collector() as (endpoint, received):
        assert _run(ONE_RECONCILE, {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}) == "On"
    ((path, body),) = received
    assert path == "/v1/traces"
    for expected in (b"service.name", b"message-operator", b"reconcile Message", b"apply"):
        assert expected in body


def test_an_endpoint_without_the_packages_for_it_is_a_warning_and_no_error() -> None:
    blocked = "import sys; sys.modules['opentelemetry.sdk.trace'] = None\n"
    done = _process(blocked + ONE_RECONCILE, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
    assert done.stdout.strip() == "Off"
    assert "Install opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http" in done.stderr


def test_a_provider_that_the_program_has_set_is_used() -> None:
    program = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(provider)
"""
    assert '"name": "reconcile Message"' in _run(program + ONE_RECONCILE, {})


def test_off_costs_next_to_nothing() -> None:
    off = configure("message-operator", {})
    assert isinstance(off, Off)

    def work() -> None:
        with off.reconcile("Message", "team", "hello"):
            off.requested("apply", 200, 0.01)

    assert min(timeit.repeat(work, number=10_000, repeat=5)) / 10_000 < 2e-6


def _run(program: str, environ: dict[str, str]) -> str:
    done = _process(program, environ)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _process(program: str, environ: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False, timeout=60
    )


@contextmanager
def collector() -> Generator[tuple[str, list[tuple[str, bytes]]]]:
    """A real web server that takes whatever is posted."""
    received: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            import gzip

            body = self.rfile.read(int(self.headers["Content-Length"]))
            zipped = self.headers.get("Content-Encoding") == "gzip"
            received.append((self.path, gzip.decompress(body) if zipped else body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as its base says
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
