"""Adding new clicks to the roll-ups and to their links' counters."""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any

from django.db import connection

from links.clicks.enrichment import EnrichedClick
from links.models import Dimension

QUARTER_MINUTES = 15

# (link, dimension, start, value) -> [clicks, bots, visitors]
Key = tuple[int, int, Any, str]
Counts = dict[Key, list[int]]

_UPSERT = """
INSERT INTO {table} AS known (link_id, dimension, start, value, clicks, bots, visitors)
SELECT * FROM unnest(%s::bigint[], %s::smallint[], %s::{start}[], %s::text[],
                     %s::bigint[], %s::bigint[], %s::bigint[])
ON CONFLICT (link_id, dimension, start, value) DO UPDATE SET
    clicks = known.clicks + excluded.clicks,
    bots = known.bots + excluded.bots,
    visitors = known.visitors + excluded.visitors
"""
_ADD_TO_QUARTERS = _UPSERT.format(table="links_clicksbyquarter", start="timestamptz")
_ADD_TO_DAYS = _UPSERT.format(table="links_clicksbyday", start="date")

_ADD_TO_LINKS = """
UPDATE links_link link SET
    click_count = link.click_count + seen.clicks,
    last_clicked_at = greatest(link.last_clicked_at, seen.last_at)
FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS seen (link_id, clicks, last_at)
WHERE link.id = seen.link_id
"""


def add(clicks: list[EnrichedClick], first_visits: Collection[int]) -> None:
    """Count `clicks`, all of them new. `first_visits` are the places of those that are also a
    visitor's first of the day."""
    if clicks:
        add_to_rollups(clicks, first_visits)
        _add_to_links(clicks)


def add_to_rollups(clicks: list[EnrichedClick], first_visits: Collection[int]) -> None:
    quarters = _by_quarter(clicks, first_visits)
    _upsert(_ADD_TO_QUARTERS, quarters)
    _upsert(_ADD_TO_DAYS, _by_day(quarters))


def quarter_of(at: datetime) -> datetime:
    return at.replace(minute=at.minute - at.minute % QUARTER_MINUTES, second=0, microsecond=0)


def values_of(click: EnrichedClick) -> Iterable[tuple[int, str]]:
    """One value of each dimension for each click: every dimension's sum is then the total."""
    yield Dimension.TOTAL.value, ""
    yield Dimension.COUNTRY.value, click.country
    yield Dimension.BROWSER.value, click.browser
    yield Dimension.OS.value, click.os
    yield Dimension.DEVICE.value, click.device
    yield Dimension.REFERRER.value, click.referrer
    yield Dimension.LANGUAGE.value, click.language
    yield Dimension.VARIANT.value, click.variant
    yield Dimension.RULE.value, click.rule


def _by_quarter(clicks: list[EnrichedClick], first_visits: Collection[int]) -> Counts:
    counts: Counts = {}
    for place, click in enumerate(clicks):
        start = quarter_of(click.at)
        bot, first = int(click.is_bot), int(place in first_visits)
        for dimension, value in values_of(click):
            key = (click.link_id, dimension, start, value)
            if (count := counts.get(key)) is None:
                counts[key] = [1, bot, first]
            else:
                count[0] += 1
                count[1] += bot
                count[2] += first
    return counts


def _by_day(quarters: Counts) -> Counts:
    counts: Counts = {}
    for (link, dimension, start, value), added in quarters.items():
        day: date = start.date()
        count = counts.setdefault((link, dimension, day, value), [0, 0, 0])
        for place, number in enumerate(added):
            count[place] += number
    return counts


def _upsert(statement: str, counts: Counts) -> None:
    rows = [(*key, *counts[key]) for key in sorted(counts)]
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(column) for column in zip(*rows, strict=True)])


def _add_to_links(clicks: list[EnrichedClick]) -> None:
    totals: dict[int, tuple[int, datetime]] = {}
    for click in clicks:
        number, last = totals.get(click.link_id, (0, click.at))
        totals[click.link_id] = (number + 1, max(last, click.at))
    rows = [(link, *totals[link]) for link in sorted(totals)]
    with connection.cursor() as cursor:
        cursor.execute(_ADD_TO_LINKS, [list(column) for column in zip(*rows, strict=True)])
