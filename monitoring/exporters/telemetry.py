"""Traces for OpenTelemetry: a span a request, sent in the background in batches, and dropped when
too many wait. OTEL_EXPORTER_OTLP_ENDPOINT says where; the other OTEL_ variables hold, too."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from monitoring.exporters.scrubbing import scrub
from monitoring.trace import HEADER


class ScrubbingExporter(SpanExporter):
    """Hands spans on without their secrets: addresses carry tokens in their queries."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_scrubbed(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return bool(self._exporter.force_flush(timeout_millis))


def start() -> None:
    resource = Resource.create({"service.name": "rallypoint", "service.version": settings.VERSION})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(ScrubbingExporter(OTLPSpanExporter())))
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument(response_hook=_name_request)


def _name_request(span: Any, _: Any, response: Any) -> None:
    """From the answer: the span begins before the id is bound."""
    span.set_attribute("rallypoint.correlation_id", response.get(HEADER, ""))


def _scrubbed(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=scrub(span.attributes),
        events=[Event(e.name, scrub(e.attributes), e.timestamp) for e in span.events],
        links=span.links,
        kind=span.kind,
        status=trace.Status(span.status.status_code, scrub(span.status.description)),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
