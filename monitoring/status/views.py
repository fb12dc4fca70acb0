"""The page that anybody may look at; PostgreSQL may be away, and that is when people do."""

from datetime import UTC, datetime

from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from monitoring.health.report import Status, worst
from monitoring.health.runner import runner
from monitoring.maintenance import notice as maintenance
from monitoring.models import StatusDay
from monitoring.status.components import component_states
from monitoring.status.days import components, recorded
from monitoring.status.history import DAYS

_SENTENCES = {
    Status.HEALTHY: "Everything works.",
    Status.DEGRADED: "It works, with limitations.",
    Status.UNHEALTHY: "A part of the service is down.",
    Status.UNAVAILABLE: "A part of the service is down.",
}


@require_safe
def status_page(_: HttpRequest) -> HttpResponse:
    now = datetime.now(UTC)
    states = component_states(runner().results())
    rows = _recorded(now)
    status = worst(states.values())
    context = {
        "status": status,
        "sentence": _SENTENCES[status],
        "maintenance": maintenance.current(),
        "components": list(components(states, rows or [], now.date())),
        "has_history": rows is not None,
        "days": DAYS,
        "now": now,
    }
    # Without a request: no context processor may ask for a session.
    content = render_to_string("monitoring/status.html", context)
    return HttpResponse(content, headers={"Cache-Control": "public, max-age=15"})


def _recorded(now: datetime) -> list[StatusDay] | None:
    try:
        return recorded(now.date())
    except Error:
        return None
