"""Adding new clicks to the roll-ups and to their links' counters."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connection

from links.clicks import arrays
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

# An update locks in whatever order its plan has; who drains beside us needs the same one.
_ADD_TO_LINKS = """
WITH seen AS (
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[])
        AS seen (link_id, clicks, last_at)
), locked AS MATERIALIZED (
    SELECT id FROM links_link WHERE id = ANY(SELECT link_id FROM seen)
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE links_link link SET
    click_count = link.click_count + seen.clicks,
    last_clicked_at = greatest(link.last_clicked_at, seen.last_at)
FROM seen JOIN locked ON locked.id = seen.link_id
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


def values_of(click: EnrichedClick) -> tuple[str, ...]:
    """Its value in each dimension, by the dimension's number: one in each, so that every
    dimension's sum is the total."""
    return (
        "",
        click.country,
        click.browser,
        click.os,
        click.device,
        click.referrer,
        click.language,
        click.variant,
        click.rule,
    )


def _by_quarter(clicks: list[EnrichedClick], first_visits: Collection[int]) -> Counts:
    """Counted in a small dict for each link, quarter and dimension: their keys are the values
    alone, and a string knows its hash."""
    groups: dict[tuple[int, datetime], tuple[dict[str, list[int]], ...]] = {}
    for place, click in enumerate(clicks):
        slot = (click.link_id, quarter_of(click.at))
        if (group := groups.get(slot)) is None:
            group = groups[slot] = tuple({} for _ in Dimension)
        bot, first = int(click.is_bot), int(place in first_visits)
        for counts, value in zip(group, values_of(click), strict=True):
            if (count := counts.get(value)) is None:
                counts[value] = [1, bot, first]
            else:
                count[0] += 1
                count[1] += bot
                count[2] += first
    return {
        (link, dimension, start, value): count
        for (link, start), group in groups.items()
        for dimension, counts in enumerate(group)
        for value, count in counts.items()
    }


def _by_day(quarters: Counts) -> Counts:
    counts: Counts = {}
    for (link, dimension, start, value), (clicks, bots, visitors) in quarters.items():
        count = counts.setdefault((link, dimension, start.date(), value), [0, 0, 0])
        count[0] += clicks
        count[1] += bots
        count[2] += visitors
    return counts


def _upsert(statement: str, counts: Counts) -> None:
    rows = [(*key, *counts[key]) for key in sorted(counts)]
    links, dimensions, starts, values, *numbers = zip(*rows, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            [
                arrays.of_numbers(links),
                arrays.of_numbers(dimensions),
                arrays.of_moments(starts),
                arrays.of_texts(values),
                *map(arrays.of_numbers, numbers),
            ],
        )


def _add_to_links(clicks: list[EnrichedClick]) -> None:
    totals: dict[int, tuple[int, datetime]] = {}
    for click in clicks:
        number, last = totals.get(click.link_id, (0, click.at))
        totals[click.link_id] = (number + 1, max(last, click.at))
    links = sorted(totals)
    numbers, moments = zip(*(totals[link] for link in links), strict=True)
    columns = [arrays.of_numbers(links), arrays.of_numbers(numbers), arrays.of_moments(moments)]
    with connection.cursor() as cursor:
        cursor.execute(_ADD_TO_LINKS, columns)
