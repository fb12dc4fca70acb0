"""Moving clicks from the stream into PostgreSQL, each exactly once.

One transaction holds the rows, the roll-ups and the place in the stream. Killed before the commit,
nothing happened and the same entries are read again; killed after it, they are read again as well,
until they are taken out. An event that comes twice (by this, or from the spool after an unclear
time-out) is stopped by its id, and roll-ups count only the rows that were really inserted.
"""

import random
from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone
from redis import Redis

from links.clicks import accounts, arrays, marks, partitions, rollups, stream, streams
from links.clicks.enrichment import EnrichedClick, enrich
from links.redirect.click import ClickBatch

# Bounds one transaction: its memory, its duration, and what a killed drain does again.
MAX_EVENTS = 10_000


class Drained(NamedTuple):
    """`stored` are the new clicks among the `events` that were read."""

    entries: int = 0
    events: int = 0
    stored: int = 0


def drain_once(redis: Redis, *, max_events: int = MAX_EVENTS) -> Drained | None:
    """Move the next part of a stream that nobody else is at, any of them: those who drain at the
    same time spread. None while others are at all that have something."""
    names = streams.names()
    random.shuffle(names)
    is_busy = False
    for name in names:
        drained = drain_stream(redis, name, max_events=max_events)
        if drained and drained.entries:
            return drained
        is_busy = is_busy or drained is None
    return None if is_busy else Drained()


def drain_stream(redis: Redis, name: str, *, max_events: int = MAX_EVENTS) -> Drained | None:
    """Move the next part of this one; None while another process is at it."""
    with transaction.atomic():
        cursor = streams.take(name)
        if cursor is None:
            return None
        part = stream.read_part(redis, name, max_events)
        if not part.ids:
            return Drained()
        stored = _store(part.batches)
        cursor.last_id = part.ids[-1]
        cursor.drained_at = timezone.now()
        cursor.save()
    # Only now, and never before the commit. What a kill leaves behind, the next drain reads again.
    stream.take_out(redis, name, part)
    return Drained(len(part.ids), part.events, stored)


def _store(batches: list[ClickBatch]) -> int:
    """Rows of every kind are written in the order of their keys, and the kinds in the order below:
    two who drain side by side may wait for each other, and never in a circle. Ids are sorted, too,
    since a spool's second copy of a batch may come by another stream than the first."""
    found = {event.id: event for batch in batches for event in batch.events}
    events = {event_id: found[event_id] for event_id in sorted(found)}
    clicks = [enrich(event) for event in events.values()]
    partitions.ensure({click.at.date() for click in clicks})
    new = _insert(clicks)
    marks.store(new, {event.id: event.mark for event in events.values() if event.mark})
    rollups.add(new, _first_visits(new))
    accounts.settle(batches, {click.event_id for click in new})
    return len(new)


_INSERT = """
INSERT INTO links_click (event_id, at, link_id, is_bot, visitor, country, language, referrer,
                         browser, os, device, variant, rule)
SELECT * FROM unnest(%s::uuid[], %s::timestamptz[], %s::bigint[], %s::boolean[], %s::bytea[],
                     %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
                     %s::text[], %s::text[])
ON CONFLICT DO NOTHING
RETURNING event_id
"""

_INSERT_VISITORS = """
INSERT INTO links_visitor (day, link_id, visitor)
SELECT * FROM unnest(%s::date[], %s::bigint[], %s::bytea[])
ON CONFLICT DO NOTHING
RETURNING day, link_id, visitor
"""


# How each column of links_click is written.
_WRITERS: tuple[Callable[[Any], str], ...] = (
    arrays.of_ids,
    arrays.of_moments,
    arrays.of_numbers,
    arrays.of_flags,
    arrays.of_bytes,
    *[arrays.of_texts] * 8,
)


def _insert(clicks: list[EnrichedClick]) -> list[EnrichedClick]:
    """Insert what is not there yet, and give that back: all of it, nearly always."""
    if not clicks:
        return []
    columns = zip(*clicks, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT, [write(column) for write, column in zip(_WRITERS, columns, strict=True)]
        )
        if cursor.rowcount == len(clicks):
            return clicks
        inserted = {row[0].bytes for row in cursor.fetchall()}
    return [click for click in clicks if click.event_id in inserted]


def _first_visits(clicks: list[EnrichedClick]) -> set[int]:
    """Places in `clicks` of those that are their visitor's first of the day at their link."""
    firsts: dict[tuple[date, int, bytes], int] = {}
    for place, click in enumerate(clicks):
        if click.visitor is not None:
            firsts.setdefault((click.at.date(), click.link_id, click.visitor), place)
    if not firsts:
        return set()
    # Sorted: two transactions that meet here must meet in the same order.
    keys = sorted(firsts)
    days, links, visitors = zip(*keys, strict=True)
    columns = [arrays.of_moments(days), arrays.of_numbers(links), arrays.of_bytes(visitors)]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_VISITORS, columns)
        if cursor.rowcount == len(keys):
            return set(firsts.values())
        return {firsts[day, link, bytes(visitor)] for day, link, visitor in cursor.fetchall()}
