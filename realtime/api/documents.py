"""The AsyncAPI document of the socket."""

import hashlib

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from monitoring.wire.documents import FRESH
from realtime.socket import asyncapi as socket


@require_safe
def asyncapi(request: HttpRequest) -> HttpResponseBase:
    body = socket.document(settings.VERSION)
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    response = HttpResponse(body, content_type="application/json")
    response["ETag"], response["Cache-Control"] = etag, FRESH
    return get_conditional_response(request, etag=etag, response=response) or response
