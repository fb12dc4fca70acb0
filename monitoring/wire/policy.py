"""What others may do with an answer: a page's Content-Security-Policy is that of the settings, JSON
may load nothing, and JSON for somebody who says who he is may be kept by nobody."""

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from django.http import HttpRequest, HttpResponseBase

from monitoring.wire.pages import is_json

# Made for each answer from the settings, this cost a twentieth of a completion.
_NOTHING = "default-src 'none'; frame-ancestors 'none'"

_PERSONAL = ("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_X_API_KEY")


def is_personal(request: HttpRequest) -> bool:
    """Its answer may be for this caller alone."""
    return any(request.META.get(name) for name in _PERSONAL)


class PolicyMiddleware(CSPMiddleware):
    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if not is_json(response):
            return super().process_response(request, response)
        if HEADER not in response:
            response[HEADER] = _NOTHING
        if "Cache-Control" not in response and is_personal(request):
            response["Cache-Control"] = "private, no-store"
        return response
