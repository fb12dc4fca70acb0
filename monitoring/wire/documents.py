"""The OpenAPI document and the page that shows it, both from our own origin."""

import hashlib
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.templatetags.static import static
from django.utils.cache import get_conditional_response
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

FRESH = "public, max-age=300"
# drf-spectacular has no annotations here.
_Generator: Any = SchemaGenerator


class SchemaView(SpectacularAPIView):
    """YAML, or JSON when `Accept` asks for it. Built once: it takes a noticeable while."""

    authentication_classes: list[Any] = []

    @extend_schema(exclude=True)
    def get(self, request: Request, *_: Any, **__: Any) -> HttpResponseBase:
        renderer: BaseRenderer = request.accepted_renderer
        kind: Any = type(renderer)
        body, etag = _rendered(kind)
        response = HttpResponse(body, content_type=renderer.media_type)
        response["ETag"] = etag
        response["Cache-Control"] = FRESH
        plain: HttpRequest = request._request  # noqa: SLF001 - Django's helper wants its own
        return get_conditional_response(plain, etag=etag, response=response) or response


@lru_cache(maxsize=8)
def _rendered(renderer: Any) -> tuple[bytes, str]:
    rendered: str | bytes = renderer().render(_document(), renderer_context={})
    body = rendered.encode() if isinstance(rendered, str) else rendered
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    generator: Any = _Generator()
    document: dict[str, Any] = generator.get_schema(request=None, public=True)
    return document


class DocsView(SpectacularSwaggerSplitView):
    """With nothing inline, so that it works under our Content-Security-Policy."""

    authentication_classes: list[Any] = []
    template_name = "monitoring/docs.html"

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page: Any = super()
        response: Response = page.get(request, *args, **kwargs)
        if "script_url" in response.data:
            response.data["page_css"] = static("monitoring/docs.css")
            response.data["page_js"] = static("monitoring/docs.js")
        return response
