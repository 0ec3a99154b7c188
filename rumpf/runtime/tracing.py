"""Traces of reconciles and API requests by OpenTelemetry, where it is installed and configured; else nothing.

Configured is it by OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_ENDPOINT and so on), or by a program
that has set a tracer provider before. When off nothing of it is imported, and a reconcile pays a call or two
of empty functions.
"""

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final, Protocol

from rumpf import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

_LOG = logging.getLogger(__name__)
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_NOTHING: Final = nullcontext()
_REFUSED = 400
_LAST_SPANS_WITHIN = 2_000


class Tracing(Protocol):
    """Where spans go."""

    def reconcile(self, kind: str, namespace: str, name: str) -> AbstractContextManager[object]:
        """Be a span around a reconcile. An error that leaves the block is recorded in it."""
        ...

    def requested(self, verb: str, code: int, seconds: float) -> None:
        """Add a span for a request that has just ended, if a reconcile asked for it."""
        ...

    def close(self) -> None:
        """Send what was not sent yet. This takes a second or two: call it in a thread."""
        ...


class Off:
    """Goes nowhere."""

    def reconcile(self, kind: str, namespace: str, name: str) -> AbstractContextManager[object]:
        """Do nothing."""
        return _NOTHING

    def requested(self, verb: str, code: int, seconds: float) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class On:
    """Goes where OpenTelemetry sends it."""

    def __init__(self, tracer: "Tracer", close: Callable[[], None] = lambda: None) -> None:
        from opentelemetry import trace

        self._trace = trace
        self._tracer = tracer
        self._close = close

    def reconcile(self, kind: str, namespace: str, name: str) -> AbstractContextManager[object]:
        """See `Tracing.reconcile`."""
        return self._tracer.start_as_current_span(
            f"reconcile {kind}",
            attributes={"rumpf.kind": kind, "k8s.namespace.name": namespace, "rumpf.name": name},
        )

    def requested(self, verb: str, code: int, seconds: float) -> None:
        """See `Tracing.requested`."""
        if not self._trace.get_current_span().is_recording():
            return
        end = time.time_ns()
        span = self._tracer.start_span(
            verb,
            kind=self._trace.SpanKind.CLIENT,
            start_time=end - int(seconds * 1e9),
            attributes={"http.response.status_code": code} if code else None,
        )
        if code == 0 or code >= _REFUSED:
            span.set_status(self._trace.StatusCode.ERROR, "" if code else "no answer")
        span.end(end)

    def close(self) -> None:
        """See `Tracing.close`."""
        self._close()


def configure(service: str, environ: Mapping[str, str] = os.environ) -> Tracing:
    """Return where spans go, as the environment says."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return Off()
    if "opentelemetry.trace" in sys.modules:
        from opentelemetry import trace

        provider = trace.get_tracer_provider()
        if not isinstance(provider, (trace.ProxyTracerProvider, trace.NoOpTracerProvider)):
            return On(provider.get_tracer("rumpf", __version__))
    if environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp" or not any(map(environ.get, _ENDPOINTS)):
        return Off()
    try:
        made = _provider(service, environ)
    except ImportError as error:
        _LOG.warning(
            "an OTLP endpoint is configured, and there are no traces: %s is not installed. "
            "Install opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http",
            error.name,
        )
        return Off()

    def close() -> None:
        made.force_flush(_LAST_SPANS_WITHIN)
        made.shutdown()

    return On(made.get_tracer("rumpf", __version__), close)


def _provider(service: str, environ: Mapping[str, str]) -> "TracerProvider":
    """Set up OpenTelemetry for the process, so that spans of a reconcile's own code join in."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = Resource.create({} if environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: service})
    # `close` shuts it down; twice would be complained about.
    provider = TracerProvider(resource=named, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider
