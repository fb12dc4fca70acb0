"""The probes' doors. None of them may fail because a part that it reports on is away."""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from redis.exceptions import RedisError
from rest_framework.exceptions import APIException, NotAuthenticated
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitoring import metrics
from monitoring.health import documents, draining, services
from monitoring.health.report import Status
from monitoring.health.scraping import may_scrape
from monitoring.wire.schema import problem

NO_STORE = {"Cache-Control": "no-store"}


@require_safe
def ping(_: HttpRequest) -> HttpResponse:
    return HttpResponse("pong", content_type="text/plain", headers=NO_STORE)


@require_safe
def short_health(_: HttpRequest) -> HttpResponse:
    status = services.short_report()["status"]
    return JsonResponse({"status": status}, status=_http_status(status), headers=NO_STORE)


class ProbeView(APIView):
    """Who calls is asked only where the answer depends on it, and a failure to tell is a no."""

    permission_classes = [AllowAny]
    # For the same reason it is counted for a network alone, after the answer.
    throttle_classes = []

    def perform_authentication(self, request: Request) -> None:
        """Not now: it may need the database that is away."""


class HealthView(ProbeView):
    @extend_schema(
        operation_id="health",
        summary="How the service is",
        description="200 when healthy or degraded, 503 otherwise. Operators get the numbers too.",
        responses=documents.HEALTH,
        tags=["monitoring"],
    )
    def get(self, request: Request) -> Response:
        report = services.full_report() if is_operator(request) else services.short_report()
        return Response(report, _http_status(report["status"]), headers=NO_STORE)


class LiveView(ProbeView):
    """Asks nobody: a database that is away is no reason to restart this process."""

    authentication_classes = []

    @extend_schema(
        operation_id="health_live",
        summary="Whether this process lives",
        responses=documents.LIVE,
        tags=["monitoring"],
    )
    def get(self, request: Request) -> Response:
        del request
        return Response({"status": "live"}, headers=NO_STORE)


class ReadyView(ProbeView):
    authentication_classes = []

    @extend_schema(
        operation_id="health_ready",
        summary="Whether to send requests here",
        description="503 until the database was met once, and from the start of a drain. Not when "
        "PostgreSQL goes later: redirects are answered without it.",
        responses=documents.READY,
        tags=["monitoring"],
    )
    def get(self, request: Request) -> Response:
        del request
        if draining.is_draining():
            return Response({"status": "draining"}, 503, headers=NO_STORE)
        if not services.has_met_database():
            return Response({"status": "starting"}, 503, headers=NO_STORE)
        return Response({"status": "ready"}, headers=NO_STORE)


class MetricsView(ProbeView):
    @extend_schema(
        operation_id="health_metrics",
        summary="Metrics for Prometheus",
        description="For operators, for the bearer of METRICS_TOKEN, and over loopback.",
        responses={
            (200, "text/plain"): OpenApiTypes.STR,
            **problem(401, "Neither an operator nor a scraper."),
        },
        tags=["monitoring"],
    )
    def get(self, request: Request) -> HttpResponse:
        if not (_is_scraper(request) or is_operator(request)):
            raise NotAuthenticated("Metrics are for operators and scrapers.")
        body, content_type = metrics.exposition(request.META.get("HTTP_ACCEPT", ""))
        return HttpResponse(body, content_type=content_type, headers=NO_STORE)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Prometheus asks for text, which no renderer of DRF's gives: ours is `exposition`."""
        del force
        return super().perform_content_negotiation(request, force=True)


def is_operator(request: Request) -> bool:
    """A person on the staff. What holds only some scopes of hers is no operator."""
    try:
        limited = hasattr(request.auth, "scopes")
        return bool(request.user.is_authenticated and request.user.is_staff) and not limited
    except (APIException, DatabaseError, RedisError):
        return False


def _is_scraper(request: Request) -> bool:
    sent = request.META
    return may_scrape(
        authorization=sent.get("HTTP_AUTHORIZATION", "").encode("latin-1"),
        token=settings.METRICS_TOKEN,
        peer=sent.get("REMOTE_ADDR", ""),
        is_proxied="HTTP_X_FORWARDED_FOR" in sent or "HTTP_FORWARDED" in sent,
    )


def _http_status(status: Status) -> int:
    return HTTPStatus.OK if status.serves else HTTPStatus.SERVICE_UNAVAILABLE
