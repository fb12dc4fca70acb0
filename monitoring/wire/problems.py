"""Problems as answers: of DRF views by the hook, elsewhere by `problem_response`."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.response import Response
from rest_framework.views import set_rollback

from monitoring.metrics import name_code
from monitoring.wire.mapping import as_problem
from monitoring.wire.problem import CONTENT_TYPE, Problem
from monitoring.wire.renderers import WireJSONRenderer

__all__ = ["CONTENT_TYPE", "Problem", "exception_handler", "problem_response"]

Answer = TypeVar("Answer", bound=HttpResponseBase)


def problem_response(problem: Problem, request: HttpRequest) -> HttpResponse:
    """The answer for places that are no DRF view."""
    content = WireJSONRenderer().render(problem.body(request.path))
    response = HttpResponse(content, status=problem.status_code, content_type=CONTENT_TYPE)
    return _with_headers(response, problem, request)


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's hook. None lets what nobody foresaw reach Django, which logs it and answers 500."""
    problem = as_problem(exc)
    if problem is None:
        return None
    set_rollback()
    response = Response(
        problem.body(context["request"].path),
        status=problem.status_code,
        content_type=CONTENT_TYPE,
        exception=True,
    )
    return _with_headers(response, problem, context["request"])


def _with_headers(response: Answer, problem: Problem, request: Any) -> Answer:
    if (scope := request.META.get("asgi.scope")) is not None:
        name_code(scope, problem.code)
    response["Cache-Control"] = "no-store"
    for name, value in problem.headers.items():
        response[name] = value
    return response
