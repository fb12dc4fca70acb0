"""Millions of stored clicks in a minute: rows and roll-ups written by SQL, equal to what the drain
would have written for them, so that `reconcile` has nothing to say."""

from datetime import UTC, datetime, timedelta
from itertools import islice

from django.db import connection, transaction

from benchmarks.machine import say
from benchmarks.sample import events
from links.clicks import partitions
from links.clicks.enrichment import enrich
from links.models import Link

_CHUNK = 250_000

_PALETTE = """
CREATE TEMPORARY TABLE palette AS
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[], %s::text[], %s::text[], %s::text[],
                     %s::text[], %s::text[], %s::text[])
    AS sample (place, link_id, is_bot, country, language, referrer, browser, os, device)
"""

# A UUIDv7 from the moment and random digits. Every human visitor is new: the roll-ups' visitors
# are then those who are no bots. `spread` is the time between two clicks.
_CLICKS = """
WITH numbered AS (
    SELECT number, md5(random()::text) AS digits,
           date_trunc('milliseconds', %(begin)s::timestamptz + number * %(spread)s::interval) AS at
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS number
), made AS (
    INSERT INTO links_click (event_id, at, link_id, is_bot, visitor, country, language, referrer,
                             browser, os, device, variant, rule)
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
            || '7' || substr(digits, 1, 3) || '8' || substr(digits, 4, 15))::uuid,
           at, link_id, is_bot,
           CASE WHEN is_bot THEN NULL ELSE int8send(number) END,
           country, language, referrer, browser, os, device, '', ''
    FROM numbered JOIN palette ON place = number %% %(places)s
    RETURNING at, link_id, visitor
)
INSERT INTO links_visitor (day, link_id, visitor)
SELECT (at AT TIME ZONE 'UTC')::date, link_id, visitor FROM made WHERE visitor IS NOT NULL
"""

_QUARTERS = """
INSERT INTO links_clicksbyquarter (link_id, dimension, start, value, clicks, bots, visitors)
SELECT link_id, dimension, date_bin('15 minutes', at, '2000-01-01 00:00:00+00'), value,
       count(*), count(*) FILTER (WHERE is_bot), count(visitor)
FROM links_click CROSS JOIN LATERAL (VALUES
    (0, ''), (1, country), (2, browser), (3, os), (4, device), (5, referrer), (6, language),
    (7, variant), (8, rule)) AS seen (dimension, value)
GROUP BY 1, 2, 3, 4
"""

_DAYS = """
INSERT INTO links_clicksbyday (link_id, dimension, start, value, clicks, bots, visitors)
SELECT link_id, dimension, (start AT TIME ZONE 'UTC')::date, value,
       sum(clicks), sum(bots), sum(visitors)
FROM links_clicksbyquarter GROUP BY 1, 2, 3, 4
"""

_LINKS = """
UPDATE links_link link SET click_count = seen.clicks, last_clicked_at = now() FROM (
    SELECT link_id, sum(clicks) AS clicks FROM links_clicksbyday WHERE dimension = 0 GROUP BY 1
) AS seen WHERE seen.link_id = link.id
"""


def fill(*, clicks: int, days: int, link: int) -> None:
    """`clicks` over the last `days`; 0 puts all into today, where the next ones go too. They are
    one link's when `link` is its id, else spread over all links as the sample's are."""
    now = datetime.now(UTC)
    begin = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if days:
        begin = now - timedelta(days=days)
    with transaction.atomic():
        partitions.ensure(begin.date() + timedelta(days=day) for day in range(days + 1))
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        places = _make_palette(link)
        spread = (now - begin) / (clicks + 1)
        for first in range(0, clicks, _CHUNK):
            last = min(first + _CHUNK, clicks) - 1
            cursor.execute(
                _CLICKS,
                {"begin": begin, "spread": spread, "places": places, "first": first, "last": last},
            )
            say(f"  {last + 1:,} of {clicks:,} clicks stored")
        for statement in (_QUARTERS, _DAYS, _LINKS, "ANALYZE"):
            cursor.execute(statement)


def _make_palette(link: int) -> int:
    """The sample's clicks as the drain would see them, numbered; how many there are."""
    keys = dict(Link.objects.values_list("slug_key", "pk"))
    if link:
        keys = _Always(link)
    clicks = [enrich(event) for event in islice(events(1200, keys), 1200)]
    rows = [
        (place, c.link_id, c.is_bot, c.country, c.language, c.referrer, c.browser, c.os, c.device)
        for place, c in enumerate(clicks)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_PALETTE, [list(column) for column in zip(*rows, strict=True)])
    return len(rows)


class _Always(dict[str, int]):
    """Every slug is the same link."""

    def __init__(self, link: int) -> None:
        super().__init__()
        self._link = link

    def __missing__(self, _key: str) -> int:
        return self._link
