"""Setting right what `reconcile` found: only ever on request, and only from what is certain.

Stored clicks are certain. Roll-ups of the days that still have them are counted anew; days past
retention keep theirs. Clicks that an issuer gave out and nobody has cannot be brought back: they
are written off as dropped, so that the account says it from now on.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from uuid import UUID

import structlog
from django.db import connection
from django.db.models import F

from links.clicks import partitions, rollups
from links.clicks.enrichment import EnrichedClick
from links.clicks.reconciliation import Report, drain_held
from links.models import Click, ClickIssuer, ClicksByDay, ClicksByQuarter

log = structlog.get_logger(__name__)

_CHUNK = 10_000
_RECOUNT_LINKS = """
UPDATE links_link link SET click_count = coalesce(
    (SELECT sum(clicks) FROM links_clicksbyday WHERE link_id = link.id AND dimension = 0), 0)
"""


def repair(report: Report) -> None:
    equations = {difference.equation for difference in report.differences}
    with drain_held():
        if "E1" in equations:
            _write_off(report)
        if "E2" in equations:
            _count_anew()


def _write_off(report: Report) -> None:
    for difference in report.differences:
        if difference.equation == "E1" and difference.missing > 0:
            issuer = UUID(difference.subject.removeprefix("process "))
            log.error("clicks_written_off", clicks=difference.missing)
            ClickIssuer.objects.filter(pk=issuer).update(dropped=F("dropped") + difference.missing)


def _count_anew() -> None:
    for day in partitions.days(partitions.horizon()):
        _count_day_anew(day)
    with connection.cursor() as cursor:
        cursor.execute(_RECOUNT_LINKS)


def _count_day_anew(day: date) -> None:
    start, end = (
        datetime.combine(bound, time.min, UTC) for bound in (day, day + timedelta(days=1))
    )
    ClicksByDay.objects.filter(start=day).delete()
    ClicksByQuarter.objects.filter(start__gte=start, start__lt=end).delete()
    clicks = Click.objects.filter(at__gte=start, at__lt=end).order_by("at", "event_id")
    rows = clicks.values_list(*EnrichedClick._fields).iterator(chunk_size=_CHUNK)
    seen: set[tuple[int, bytes]] = set()
    while chunk := [EnrichedClick(row[0].bytes, *row[1:]) for row in islice(rows, _CHUNK)]:
        rollups.add_to_rollups(chunk, set(_first_visits(chunk, seen)))


def _first_visits(clicks: list[EnrichedClick], seen: set[tuple[int, bytes]]) -> Iterator[int]:
    """Places of each visitor's first click of the day; `seen` goes on from chunk to chunk."""
    for place, click in enumerate(clicks):
        if click.visitor is not None:
            visit = (click.link_id, bytes(click.visitor))
            if visit not in seen:
                seen.add(visit)
                yield place
