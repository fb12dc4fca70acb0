"""What answers for /api/* when no DRF view does."""

import re
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from monitoring.wire.mapping import as_problem
from monitoring.wire.pages import is_api, is_json, plain_problem, render
from monitoring.wire.problems import Problem

# NUL and surrogates. Django leaves percent-encoded what it cannot decode of a path.
_BAD_PATH = re.compile(r"\x00|%ed%[ab][0-9a-f]", re.IGNORECASE)


class ProblemMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if _has_bad_characters(request):
            return render(request, _bad_characters())
        if request.META.get("HTTP_TRANSFER_ENCODING") and not request.META.get("CONTENT_LENGTH"):
            return render(request, _length_required())
        response = self.get_response(request)
        if response.status_code >= 400 and is_api(request) and not is_json(response):
            return _translated(request, response)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A view's own; what nobody foresaw goes on to Django, which logs it and answers 500."""
        problem = as_problem(exception)
        if problem is None or (problem.status_code < 500 and not is_api(request)):
            return None
        return render(request, problem)


def _has_bad_characters(request: HttpRequest) -> bool:
    query = request.META.get("QUERY_STRING", "")
    return bool(_BAD_PATH.search(request.path_info)) or not _is_text(query)


def _is_text(query: str) -> bool:
    """Django would read what is no UTF-8 as the sign for "unknown", and search for that."""
    raw = unquote_to_bytes(query)
    try:
        raw.decode("utf-8")  # refuses surrogates too
    except UnicodeDecodeError:
        return False
    return b"\0" not in raw


def _bad_characters() -> Problem:
    detail = "The address holds a NUL, or what is no UTF-8."
    return Problem("invalid_characters", detail, status=400)


def _length_required() -> Problem:
    """Django would read such a body as empty. BufferedBody spares callers this answer."""
    return Problem("length_required", "The body needs a Content-Length.", status=411)


def _translated(request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
    """An HTML or empty error of Django's own, as a problem; headers like Allow are kept."""
    answer = plain_problem(request, response.status_code)
    for name in ("Allow", "Retry-After", "WWW-Authenticate"):
        if name in response:
            answer[name] = response[name]
    answer.cookies.update(response.cookies)
    response.close()
    return answer
