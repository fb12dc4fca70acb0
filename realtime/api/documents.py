"""The AsyncAPI document of the socket, and the page that shows it."""

import hashlib

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from monitoring.wire.documents import FRESH
from realtime.socket import asyncapi as socket
from realtime.socket import closing
from realtime.socket.reference import reference as told


@require_safe
def asyncapi(request: HttpRequest) -> HttpResponseBase:
    body = socket.document(settings.VERSION)
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    response = HttpResponse(body, content_type="application/json")
    response["ETag"], response["Cache-Control"] = etag, FRESH
    return get_conditional_response(request, etag=etag, response=response) or response


@require_safe
def reference(_: HttpRequest) -> HttpResponse:
    found = told(settings.VERSION)
    groups = [("What you say", found.heard), ("What you hear", found.said)]
    context = {
        "description": found.description,
        "groups": groups,
        "codes": closing.MEANINGS,
    }
    # Without a request: it is the same for everybody.
    content = render_to_string("realtime/reference.html", context)
    return HttpResponse(content, headers={"Cache-Control": FRESH})
