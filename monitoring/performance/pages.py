"""The operators' page of live figures, inside the admin."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

# As monitoring/static/monitoring/operations.js fills them.
CHARTS = [
    ("requests", "Requests"),
    ("latency", "Time of requests, ms"),
    ("loop", "Event loop late, ms"),
    ("database", "Database: p95 in ms, and queries"),
    ("memory", "Memory, GiB"),
    ("queues", "Waiting"),
]


def operations_view(request: HttpRequest, site: Any) -> HttpResponse:
    if not request.user.has_perm("monitoring.view_livefigures"):
        raise PermissionDenied
    context = {**site.each_context(request), "title": "Live figures", "charts": CHARTS}
    return TemplateResponse(request, "admin/monitoring/operations.html", context)
