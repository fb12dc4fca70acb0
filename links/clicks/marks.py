"""Personal clicks: what the marks on new clicks say, once somebody has the time to verify them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from django.db import connection

from links import events, visits
from links.clicks import arrays
from links.clicks.enrichment import EnrichedClick
from links.models import VisitOutcome
from links.redirect.marks import split_mark

_INSERT = """
INSERT INTO links_markedclick (event_id, at, link_id, subject, outcome)
SELECT * FROM unnest(%s::uuid[], %s::timestamptz[], %s::bigint[], %s::text[], %s::text[])
ON CONFLICT DO NOTHING
RETURNING event_id, outcome
"""
_FORGET = """
DELETE FROM links_markedclick WHERE event_id = ANY(ARRAY(
    SELECT event_id FROM links_markedclick WHERE at < %s ORDER BY at LIMIT %s
))
"""
FORGOTTEN_AT_ONCE = 5_000
# A preview's robot has no cookie: it is the robot that says what happened.
_OF_BOTS = {VisitOutcome.COUNTED, VisitOutcome.OTHER_BROWSER}


class _Row(NamedTuple):
    event_id: bytes
    at: datetime
    link_id: int
    subject: str
    outcome: VisitOutcome


def store(new: list[EnrichedClick], marks: Mapping[bytes, str]) -> None:
    """In the transaction that is open: a row for each of the `new` clicks that has one of the
    `marks` (by event id). Those that count are announced after the commit."""
    rows = [_judge(click, marks[click.event_id]) for click in new if click.event_id in marks]
    if rows:
        events.announce_clicks_after_commit(_insert(rows))


def forget_before(day: date) -> int:
    """They go with the clicks that they were. How many went, at most FORGOTTEN_AT_ONCE."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [datetime.combine(day, time.min, UTC), FORGOTTEN_AT_ONCE])
        return int(cursor.rowcount)


def _judge(click: EnrichedClick, mark: str) -> _Row:
    token, browser = split_mark(mark)
    subject, outcome = visits.read(token, link_id=click.link_id, at=click.at, browser=browser)
    if click.is_bot and outcome in _OF_BOTS:
        outcome = VisitOutcome.BOT
    return _Row(click.event_id, click.at, click.link_id, subject, outcome)


def _insert(rows: list[_Row]) -> list[str]:
    """Ids of those that count. One that is there already was told of when it came first."""
    ids, moments, links, subjects, outcomes = zip(*rows, strict=True)
    columns = [
        arrays.of_ids(ids),
        arrays.of_moments(moments),
        arrays.of_numbers(links),
        arrays.of_texts(subjects),
        arrays.of_texts(outcomes),
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, columns)
        return [row[0].hex for row in cursor.fetchall() if row[1] == VisitOutcome.COUNTED]
