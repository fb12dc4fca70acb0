"""Errors to Sentry, traces to OpenTelemetry: each only where the environment names a place for it.
Off, neither is imported, and neither need be installed (`pyproject.toml` has them as extras)."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def start() -> None:
    """Called once, when the apps are ready and nothing is served yet."""
    if settings.SENTRY_DSN:
        _start(_sentry, "SENTRY_DSN", "sentry")
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        _start(_opentelemetry, "OTEL_EXPORTER_OTLP_ENDPOINT", "otel")


def _start(exporter: Callable[[], None], variable: str, extra: str) -> None:
    try:
        exporter()
    except ModuleNotFoundError as error:
        raise ImproperlyConfigured(
            f"{variable} is set, and {error.name} is not installed: "
            f"uv pip install -r pyproject.toml --extra {extra}"
        ) from error


def _sentry() -> None:
    from monitoring.exporters import sentry

    sentry.start(settings.SENTRY_DSN)


def _opentelemetry() -> None:
    from monitoring.exporters import telemetry

    telemetry.start()
