"""Links in and out: import with its dry run, export, QR codes."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import caller, requires
from links import selectors
from links.api.serializers import ImportOutput
from links.qr import LEVELS, qr_png, qr_svg
from links.transfer import (
    FORMATS,
    MAX_BYTES,
    MAX_ROWS,
    apply_import,
    export_csv,
    plan_import,
    read_rows,
)
from monitoring.postgresql.replicas import analytics
from monitoring.wire.filters import Choice, Flag, Integer, Query, Text
from monitoring.wire.idempotency import idempotent
from monitoring.wire.problems import Problem


class FileParser(BaseParser):
    """The body as it is: an export file has whatever type its maker gave it."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:  # noqa: ARG002 - DRF's hook
        if str(media_type).startswith("multipart/"):
            raise UnsupportedMediaType(str(media_type), "The body is the file itself, not a form.")
        return stream.read(MAX_BYTES + 1)


class ImportView(APIView):
    permission_classes = [requires("links:write")]
    write_tiers = ("shorten",)
    parser_classes = [FileParser]
    parameters = Query(
        format=Choice(FORMATS.keys(), default="csv"),
        dry_run=Flag(default=False),
        all_or_nothing=Flag(default=False),
        paged=False,
    )

    @extend_schema(
        operation_id="links_import", summary="Import links from a file", tags=["links"],
        description=f"The body is the file, of up to {MAX_ROWS:,} links. "
        "`dryRun=true` tells what would be done, row by row.",
        parameters=[
            OpenApiParameter("format", str, enum=list(FORMATS)),
            OpenApiParameter("dryRun", bool),
            OpenApiParameter("allOrNothing", bool),
        ],
        request={"text/csv": OpenApiTypes.STR, "application/json": OpenApiTypes.OBJECT},
        responses={200: ImportOutput, 413: OpenApiResponse(description="Too large")},
    )  # fmt: skip
    @idempotent
    def post(self, request: Request) -> Response:
        wanted = self.parameters.read(request)
        owner = caller(request)
        content: Any = request.data  # empty without a body, whatever the parser
        rows = read_rows(wanted["format"], content if isinstance(content, bytes) else b"")
        if wanted["dry_run"]:
            plan, applied = plan_import(owner, rows), False
        else:
            result = apply_import(owner, rows, all_or_nothing=wanted["all_or_nothing"])
            plan, applied = result, result.applied
        return Response(ImportOutput({"plan": plan, "applied": applied}).data)


class ExportView(APIView):
    permission_classes = [requires("links:read")]

    @extend_schema(
        operation_id="links_export", summary="Export links as CSV", tags=["links"],
        description=f"Imports back to the same links, {MAX_ROWS:,} at a time.",
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )  # fmt: skip
    def get(self, request: Request) -> StreamingHttpResponse:
        owner = caller(request)
        links = selectors.links_of(owner).using(analytics(by=owner.pk))
        return StreamingHttpResponse(
            export_csv(links),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="links.csv"'},
        )


class QrView(APIView):
    permission_classes = [requires("links:read")]
    query = Query(
        size=Integer(at_least=1, at_most=40, default=8),
        border=Integer(at_least=0, at_most=10, default=4),
        dark=Text(max_length=7, default="#000000"),
        light=Text(max_length=7, default="#ffffff"),
        error_correction=Choice(LEVELS, default="m"),
        paged=False,
    )

    @extend_schema(
        operation_id="links_qr", summary="The QR code of a short address", tags=["links"],
        responses={
            (200, "image/svg+xml"): OpenApiTypes.BINARY, (200, "image/png"): OpenApiTypes.BINARY,
        },
    )  # fmt: skip
    def get(self, request: Request, public_id: UUID, kind: str) -> HttpResponse:
        options = self.query.read(request)
        url = selectors.find_link(caller(request), public_id).short_url
        if kind == "svg":
            return HttpResponse(qr_svg(url, **options), content_type="image/svg+xml")
        if kind == "png":
            return HttpResponse(qr_png(url, **options), content_type="image/png")
        raise Problem("not_found", "A QR code is qr.svg or qr.png.", status=404)
