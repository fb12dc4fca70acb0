"""The proof that no click is missing and none counted twice.

E1: clicks issued = stored + waiting + dropped, for each web process that ever issued one.
E2: sum of days = sum of quarters = stored clicks = the link's counter, for each link, and every
dimension has the same sum. Clicks of days past retention are gone and only their sums remain, so
stored clicks are compared for the days that are still there.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from itertools import islice
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from redis import Redis

from links.clicks import partitions, streams
from links.clicks.stream import waiting_batches
from links.models import Click, ClickIssuer
from links.redirect.click import ClickBatch, decode_batch
from links.redirect.spool import Spool
from monitoring.equations import Difference
from monitoring.redis import durable

# A batch may pass from the spool to the stream while both are read; a real difference stays.
TRIES = 3
_CHUNK = 5_000


@dataclass
class Report:
    issued: int = 0
    stored: int = 0
    waiting: int = 0
    dropped: int = 0
    links: int = 0
    clicks: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.differences


def reconcile() -> Report:
    """Check E1 and E2 on the running system. The drain stands still for as long as it takes."""
    redis = durable()
    with drain_held() as names:
        report = Report()
        for _ in range(TRIES):
            report = Report()
            _check_issuers(report, redis, names)
            if report.is_clean:
                break
        _check_links(report)
    return report


def reconcile_copy() -> Report:
    """E1 and E2 of a database that was restored aside, and so has no stream of its own: what it
    does not know to be stored may have waited, but nothing was stored that nobody issued."""
    report = Report()
    with transaction.atomic():
        for row in ClickIssuer.objects.iterator():
            if (found := row.stored + row.dropped) > row.issued:
                report.differences.append(
                    Difference("E1", f"process {row.issuer}", row.issued, found)
                )
        _check_links(report)
    return report


@contextmanager
def drain_held() -> Iterator[list[str]]:
    """Hold the cursors of all streams, whose names it gives: until the end nobody stores clicks and
    nobody drops days."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            # A drain's transaction is short; the sums over everything may take long.
            cursor.execute("SET LOCAL lock_timeout = '30s'")
            cursor.execute("SET LOCAL statement_timeout = 0")
        yield streams.take_all()


class _Account:
    def __init__(self, issued: int = 0, stored: int = 0, dropped: int = 0) -> None:
        self.issued, self.stored, self.dropped = issued, stored, dropped
        self.waiting: set[bytes] = set()


def _check_issuers(report: Report, redis: Redis, names: Iterable[str]) -> None:
    accounts = {
        row.issuer.bytes: _Account(row.issued, row.stored, row.dropped)
        for row in ClickIssuer.objects.iterator()
    }
    # The spool first: what leaves it arrives in the stream, and is then seen there.
    _add_waiting(accounts, spooled_batches())
    _add_waiting(accounts, waiting_batches(redis, names))
    for issuer, account in accounts.items():
        waiting = len(_not_stored(account.waiting))
        found = account.stored + account.dropped + waiting
        if account.issued != found:
            report.differences.append(
                Difference("E1", f"process {UUID(bytes=issuer)}", account.issued, found)
            )
        report.issued += account.issued
        report.stored += account.stored
        report.dropped += account.dropped
        report.waiting += waiting


def spooled_batches() -> Iterator[ClickBatch]:
    spool = Spool(settings.SPOOL_DIR, max_bytes=0)
    return (decode_batch(frame) for frame in spool.frames())


def _add_waiting(accounts: dict[bytes, _Account], batches: Iterable[ClickBatch]) -> None:
    for batch in batches:
        account = accounts.setdefault(batch.issuer, _Account())
        account.issued = max(account.issued, batch.issued)
        account.dropped = max(account.dropped, batch.dropped)
        account.waiting.update(event.id for event in batch.events)


def _not_stored(event_ids: set[bytes]) -> set[bytes]:
    """Those of `event_ids` that are no rows yet: a second copy of a stored click does not wait."""
    missing, rest = set(event_ids), iter(event_ids)
    while chunk := [UUID(bytes=event_id) for event_id in islice(rest, _CHUNK)]:
        known = Click.objects.filter(event_id__in=chunk).values_list("event_id", flat=True)
        missing.difference_update(event_id.bytes for event_id in known)
    return missing


_ROLLUPS = """
WITH day AS (
    SELECT link_id, dimension, sum(clicks) AS clicks FROM links_clicksbyday GROUP BY 1, 2
), quarter AS (
    SELECT link_id, dimension, sum(clicks) AS clicks FROM links_clicksbyquarter GROUP BY 1, 2
), counter AS (
    SELECT id AS link_id, click_count AS clicks FROM links_link
), dimension AS (SELECT generate_series(0, 8)::smallint AS dimension)
SELECT 'counter of link ' || counter.link_id || ', dimension ' || dimension.dimension,
       counter.clicks, coalesce(day.clicks, 0), coalesce(quarter.clicks, 0)
FROM counter CROSS JOIN dimension
LEFT JOIN day USING (link_id, dimension) LEFT JOIN quarter USING (link_id, dimension)
WHERE counter.clicks <> coalesce(day.clicks, 0) OR counter.clicks <> coalesce(quarter.clicks, 0)
"""

_RAW = """
WITH day AS (
    SELECT link_id, sum(clicks) AS clicks FROM links_clicksbyday
    WHERE dimension = 0 AND start = ANY(%(days)s) GROUP BY 1
), raw AS (
    SELECT link_id, count(*) AS clicks FROM links_click WHERE at >= %(begin)s GROUP BY 1
)
SELECT coalesce(day.link_id, raw.link_id), coalesce(day.clicks, 0), coalesce(raw.clicks, 0)
FROM day FULL JOIN raw USING (link_id)
WHERE coalesce(day.clicks, 0) <> coalesce(raw.clicks, 0)
"""


def _check_links(report: Report) -> None:
    for subject, counter, days, quarters in _rows(_ROLLUPS):
        if days != counter:
            report.differences.append(Difference("E2", f"{subject}: days", counter, int(days)))
        if quarters != counter:
            report.differences.append(
                Difference("E2", f"{subject}: quarters", counter, int(quarters))
            )
    horizon = partitions.horizon()
    begin = datetime.combine(horizon, time.min, UTC)
    for link, counted, raw in _rows(_RAW, days=partitions.days(horizon), begin=begin):
        report.differences.append(
            Difference("E2", f"stored clicks of link {link}", int(counted), raw)
        )
    report.links, report.clicks = next(
        _rows("SELECT count(*), coalesce(sum(click_count), 0)::bigint FROM links_link")
    )


def _rows(statement: str, **parameters: Any) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        yield from cursor.fetchall()
