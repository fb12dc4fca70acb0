"""Lists as CSV: a line at a time, and noted in the audit."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    StreamingHttpResponse,
)
from django.urls import URLPattern, path

from accounts.operating import ReadOnlyAdmin, operator
from links.transfer.cells import shield
from monitoring.postgresql.replicas import analytics
from quests import audit

Cells = Sequence[str | int]
_CHUNK = 1_000


class ExportAdmin(ReadOnlyAdmin):
    """What the list shows, under the same filters and search."""

    list_before_template = "admin/quests/parts/export.html"
    export_columns: Sequence[str] = ()
    export_related: Sequence[str] = ()

    def export_cells(self, row: Any) -> Cells:
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export)
        return [path("export/", view, name=self._page()), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {**(extra_context or {}), "export_page": f"admin:{self._page()}"}
        return cast("HttpResponse", super().changelist_view(request, context))

    def export(self, request: HttpRequest) -> HttpResponseBase:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        name = str(self.opts.verbose_name_plural).replace(" ", "-")
        rows = self.get_changelist_instance(request).get_queryset(request)
        audit.record(
            actor=operator(request), action="exported", subject=f"export {name}",
            query=request.GET.urlencode()[:1_000],
        )  # fmt: skip
        aged = rows.using(analytics(by=operator(request).pk))
        chosen = aged.select_related(*self.export_related).iterator(chunk_size=_CHUNK)
        return StreamingHttpResponse(
            _lines(self.export_columns, map(self.export_cells, chosen)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
        )

    def _page(self) -> str:
        return f"quests_{self.opts.model_name}_export"


def _lines(columns: Sequence[str], rows: Iterable[Cells]) -> Iterator[str]:
    yield _line([*columns])
    yield from map(_line, rows)


def _line(cells: Cells) -> str:
    """A text that a spreadsheet would run is shielded; a number below zero is a number."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerow([shield(cell) if isinstance(cell, str) else cell for cell in cells])
    return buffer.getvalue()
