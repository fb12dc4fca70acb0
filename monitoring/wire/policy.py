"""Content-Security-Policy: a page's is that of the settings; JSON may load nothing."""

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from django.http import HttpRequest, HttpResponseBase

from monitoring.wire.pages import is_json

# Made for each answer from the settings, this cost a twentieth of a completion.
_NOTHING = "default-src 'none'; frame-ancestors 'none'"


class PolicyMiddleware(CSPMiddleware):
    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if not is_json(response):
            return super().process_response(request, response)
        if HEADER not in response:
            response[HEADER] = _NOTHING
        return response
