"""Django's error handlers: a problem for API callers, a small page for people."""

import sys
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template import loader

from monitoring.wire.mapping import as_problem
from monitoring.wire.problems import CONTENT_TYPE, Problem, problem_response

_DETAILS = {
    400: ("bad_request", "The request is malformed."),
    401: ("not_authenticated", "You are not signed in."),
    403: ("permission_denied", "You may not do this."),
    404: ("not_found", "There is nothing here."),
    405: ("method_not_allowed", "This method is not allowed here."),
    413: ("body_too_large", "The body is too large."),
    429: ("rate_limited", "Too many requests."),
    500: ("internal_error", "Something went wrong on our side. It has been recorded."),
    503: ("unavailable", "The service is away for a moment. Try again shortly."),
}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, as_problem(exception) or _plain(400))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, as_problem(exception) or _plain(403))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    del reason  # it explains Django's settings, not what the caller should do
    detail = "The form has expired or came from somewhere else. Load the page again."
    return render(request, Problem("csrf_failed", detail, status=403))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    del exception  # its text lists our routes or names a model
    return render(request, _plain(404))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django calls this while it handles the exception, so a database that is gone is seen here
    too when a middleware met it first, where no `process_exception` looks."""
    problem = as_problem(error) if (error := sys.exc_info()[1]) else None
    if problem is None or problem.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
        problem = _plain(500)
    return render(request, problem)


def render(request: HttpRequest, problem: Problem) -> HttpResponse:
    if is_api(request) or not _wants_html(request):
        return problem_response(problem, request)
    return _page(problem)


def plain_problem(request: HttpRequest, status: int) -> HttpResponse:
    return problem_response(_plain(status), request)


def is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/") or request.path_info == "/api"


def is_json(response: HttpResponseBase) -> bool:
    return response.get("Content-Type", "").startswith(("application/json", CONTENT_TYPE))


def _plain(status: int) -> Problem:
    phrase = HTTPStatus(status).phrase
    code, detail = _DETAILS.get(status, (phrase.lower().replace(" ", "_"), f"{phrase}."))
    return Problem(code, detail, status=status)


def _wants_html(request: HttpRequest) -> bool:
    """Browsers name it; `*/*` is what programs send. The redirect asks the same."""
    return "text/html" in request.META.get("HTTP_ACCEPT", "")


def _page(problem: Problem) -> HttpResponse:
    """Without a request, so that no context processor asks the database that may be gone."""
    content = loader.render_to_string("errors/error.html", {"problem": problem.body("")})
    response = HttpResponse(content, status=problem.status_code)
    response["Cache-Control"] = "no-store"
    for name, value in problem.headers.items():
        response[name] = value
    return response
