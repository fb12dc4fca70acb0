"""The correlation id inside Django and Celery, and the one log line of each request."""

import time
from collections.abc import Callable
from typing import Any

import structlog
from celery.signals import before_task_publish, setup_logging, task_postrun, task_prerun
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from monitoring.metrics import UNMATCHED, name_route
from monitoring.postgresql.tally import tallied
from monitoring.trace import HEADER, bound, correlation_id, new_id, valid_or_new

logger = structlog.get_logger("rallypoint.request")

# Celery makes attributes of the task's request out of message headers; "correlation_id" is its own.
_TASK_HEADER = "rallypoint_correlation_id"


class CorrelationMiddleware:
    """First in the list: everything below it, and every answer made below it, has the id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        value = valid_or_new(request.META.get("HTTP_X_CORRELATION_ID"))
        with (
            bound(value),
            structlog.contextvars.bound_contextvars(),
            tallied(keep_texts=settings.ENABLE_QUERY_LOGGING) as queries,
        ):
            response = self.get_response(request)
            response[HEADER] = value
            route = route_of(request)
            if (scope := request.META.get("asgi.scope")) is not None:
                name_route(scope, route)
            asked = queries.hand_over(route)
            _log_request(request, response, route, time.perf_counter() - started, asked)
        return response


def _log_request(
    request: HttpRequest,
    response: HttpResponseBase,
    route: str,
    seconds: float,
    asked: dict[str, float],
) -> None:
    logger.info(
        "request",
        method=request.method,
        route=route,
        status=response.status_code,
        duration_ms=round(seconds * 1000, 2),
        caller=caller_kind(request),
        **asked,
    )


def route_of(request: HttpRequest) -> str:
    """The URL pattern, never the path: paths hold slugs, wallets and ids, without bound."""
    if match := request.resolver_match:
        return f"/{match.route}"
    return "/static/*" if request.path_info.startswith(settings.STATIC_URL) else UNMATCHED


def caller_kind(request: HttpRequest) -> str:
    """Who called, as far as answering has already found out: nothing is loaded for a log line.

    An authentication says its kind by the attribute `caller_kind` of what it gives as `auth`.
    """
    auth = getattr(request, "auth", None)
    if auth is not None:
        return str(getattr(auth, "caller_kind", "") or type(auth).__name__)
    user = getattr(request, "_cached_user", None)
    return "session" if user is not None and user.is_authenticated else "anonymous"


def connect_celery() -> None:
    """Called once, when the apps are ready."""
    setup_logging.connect(_leave_logging_alone, dispatch_uid="rallypoint.correlation")
    before_task_publish.connect(_send_id, dispatch_uid="rallypoint.correlation")
    task_prerun.connect(_bind_id, dispatch_uid="rallypoint.correlation")
    task_postrun.connect(_release_id, dispatch_uid="rallypoint.correlation")


def _leave_logging_alone(**_: Any) -> None:
    """Somebody who listens to this signal has set logging up, and Celery does not."""


def _send_id(headers: dict[str, Any] | None = None, **_: Any) -> None:
    if headers is not None:
        headers.setdefault(_TASK_HEADER, correlation_id() or new_id())


def _bind_id(task: Any, task_id: str, **_: Any) -> None:
    # An eager task has no message; it stays in the context of its caller.
    value = getattr(task.request, _TASK_HEADER, None) or correlation_id()
    task.request.rallypoint_binding = bound(valid_or_new(value)).__enter__()
    structlog.contextvars.bind_contextvars(task=task.name, task_id=task_id)


def _release_id(task: Any, **_: Any) -> None:
    if binding := getattr(task.request, "rallypoint_binding", None):
        binding.close()
    structlog.contextvars.unbind_contextvars("task", "task_id")
