"""What charts are made of. Reads roll-ups only, so its cost does not grow with the clicks.

A range is made of quarters of an hour. Where it covers whole days of UTC the daily roll-up is
read, and the quarters only at its edges; the sum is exact in every time zone all the same.

`using` is the database to read from: a replica's alias, where some seconds of age do no harm. Where
clicks are copied to ClickHouse, and the copy is whole and fresh, that is read instead.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import DEFAULT_DB_ALIAS, connections

from links.clicks.rollups import quarter_of
from links.models import Dimension
from links.warehouse import reading as warehouse

MAX_POINTS = 2_000
MAX_VALUES = 1_000


class Interval(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Counts(NamedTuple):
    """`clicks` of everybody, `bots` the part that were bots, `visitors` people once a day."""

    clicks: int = 0
    bots: int = 0
    visitors: int = 0

    @property
    def humans(self) -> int:
        return self.clicks - self.bots


@dataclass(frozen=True)
class Period:
    """From `start` (included) to `end` (excluded), both whole quarters, seen in `zone`."""

    start: datetime
    end: datetime
    zone: ZoneInfo

    @classmethod
    def between(cls, start: datetime, end: datetime, zone: ZoneInfo) -> "Period":
        """The quarters that `start` and `end` touch."""
        first, last = quarter_of(start.astimezone(UTC)), quarter_of(end.astimezone(UTC))
        return cls(first, last if last == end else last + timedelta(minutes=15), zone)

    @property
    def whole_days(self) -> tuple[date, date]:
        """The days of UTC that lie wholly inside: from the first to before the second."""
        first = self.start.date()
        if self.start.time() != time.min:
            first += timedelta(days=1)
        return first, max(first, self.end.date())


def fitting_interval(period: Period) -> Interval:
    """Enough bars to show a shape, few enough to tell them apart."""
    days = (period.end - period.start) / timedelta(days=1)
    bounds = ((3, Interval.HOUR), (120, Interval.DAY), (730, Interval.WEEK))
    return next((interval for most, interval in bounds if days <= most), Interval.MONTH)


_PARTS = """
WITH part AS (
    SELECT dimension, value, start AS day, clicks, bots, visitors FROM links_clicksbyday
    WHERE link_id = ANY(%(links)s) AND dimension = ANY(%(dimensions)s)
      AND start >= %(first_day)s AND start < %(last_day)s
    UNION ALL
    SELECT dimension, value, (start AT TIME ZONE 'UTC')::date, clicks, bots, visitors
    FROM links_clicksbyquarter
    WHERE link_id = ANY(%(links)s) AND dimension = ANY(%(dimensions)s)
      AND (start >= %(start)s AND start < %(head_end)s
           OR start >= %(tail_start)s AND start < %(end)s)
)
"""

_SUMS = (
    _PARTS  # noqa: S608 - constants only
    + """, summed AS (
    SELECT dimension, value, sum(clicks)::bigint AS clicks, sum(bots)::bigint AS bots,
           sum(visitors)::bigint AS visitors,
           row_number() OVER (PARTITION BY dimension ORDER BY sum(clicks) DESC, value) AS place
    FROM part GROUP BY dimension, value
)
SELECT dimension, value, clicks, bots, visitors FROM summed
WHERE place <= %(limit)s ORDER BY dimension, place
"""
)

# Days of UTC are days of the roll-up: ninety rows instead of nine thousand.
_SERIES_OF_DAYS = (
    _PARTS
    + """ SELECT width_bucket(day::timestamp AT TIME ZONE 'UTC', %(starts)s::timestamptz[]),
                sum(clicks)::bigint, sum(bots)::bigint, sum(visitors)::bigint
FROM part GROUP BY 1
"""
)

_SERIES = """
SELECT width_bucket(start, %(starts)s::timestamptz[]), sum(clicks)::bigint, sum(bots)::bigint,
       sum(visitors)::bigint
FROM links_clicksbyquarter
WHERE link_id = ANY(%(links)s) AND dimension = ANY(%(dimensions)s)
  AND start >= %(start)s AND start < %(end)s
GROUP BY 1
"""


def totals(links: Sequence[int], period: Period, *, using: str = DEFAULT_DB_ALIAS) -> Counts:
    return dict(breakdown(links, period, Dimension.TOTAL, using=using)).get("", Counts())


def breakdown(
    links: Sequence[int], period: Period, dimension: Dimension, *, using: str = DEFAULT_DB_ALIAS
) -> list[tuple[str, Counts]]:
    """(value, counts), most clicks first, at most MAX_VALUES; "" stands for unknown or none."""
    return breakdowns(links, period, [dimension], using=using)[dimension]


def breakdowns(
    links: Sequence[int],
    period: Period,
    dimensions: Sequence[Dimension],
    *,
    using: str = DEFAULT_DB_ALIAS,
) -> dict[Dimension, list[tuple[str, Counts]]]:
    """The breakdown of each dimension, in one query."""
    found: dict[Dimension, list[tuple[str, Counts]]] = {each: [] for each in dimensions}
    rows = warehouse.sums(links, period.start, period.end, dimensions, limit=MAX_VALUES)
    if rows is None:
        rows = _query(_SUMS, links, period, dimensions, using, limit=MAX_VALUES)
    for dimension, value, *numbers in rows:
        found[Dimension(dimension)].append((value, Counts(*numbers)))
    return found


def series(
    links: Sequence[int], period: Period, interval: Interval, *, using: str = DEFAULT_DB_ALIAS
) -> list[tuple[datetime, Counts]]:
    """(start, counts) of every step of the period, without holes. ValueError past MAX_POINTS.

    The steps are made here and not by the database: each has its own idea of a midnight that comes
    twice.
    """
    starts = list(_starts(period, interval))
    moments = [start.astimezone(UTC) for start in starts]
    rows = warehouse.series(links, period.start, period.end, moments)
    if rows is None:
        rows = _steps(links, period, interval, moments, using)
    counts = {number: Counts(*numbers) for number, *numbers in rows}
    return [(start, counts.get(number, Counts())) for number, start in enumerate(starts, 1)]


def _steps(
    links: Sequence[int],
    period: Period,
    interval: Interval,
    moments: Sequence[datetime],
    using: str,
) -> list[tuple[Any, ...]]:
    of_days = interval is not Interval.HOUR and period.zone.key == "UTC"
    statement = _SERIES_OF_DAYS if of_days else _SERIES
    return _query(statement, links, period, [Dimension.TOTAL], using, starts=list(moments))


def _query(
    statement: str,
    links: Sequence[int],
    period: Period,
    dimensions: Sequence[Dimension],
    using: str,
    **parameters: Any,
) -> list[tuple[Any, ...]]:
    asked = {"links": list(links), "dimensions": [each.value for each in dimensions]}
    with connections[using].cursor() as cursor:
        cursor.execute(statement, _bounds(period) | asked | parameters)
        return list(cursor.fetchall())


def _bounds(period: Period) -> dict[str, Any]:
    """Whole days from the daily roll-up; the quarters before them (head) and after them (tail)."""
    first_day, last_day = period.whole_days
    head_end = min(_midnight(first_day), period.end)
    return {
        "first_day": first_day,
        "last_day": last_day,
        "start": period.start,
        "head_end": head_end,
        "tail_start": max(_midnight(last_day), head_end),
        "end": period.end,
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _starts(period: Period, interval: Interval) -> Iterator[datetime]:
    """The first moment of each step, in the period's zone; the first may lie before the period."""
    start, count = _floor(period.start.astimezone(period.zone), interval), 0
    while start.astimezone(UTC) < period.end:
        count += 1
        if count > MAX_POINTS:
            raise ValueError(f"more than {MAX_POINTS} points")
        yield start
        start = _next(start, interval)


def _floor(local: datetime, interval: Interval) -> datetime:
    if interval is Interval.HOUR:
        return local.replace(minute=0, second=0, microsecond=0)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if interval is Interval.WEEK:
        return midnight - timedelta(days=midnight.weekday())
    return midnight.replace(day=1) if interval is Interval.MONTH else midnight


def _next(start: datetime, interval: Interval) -> datetime:
    if interval is Interval.HOUR:
        # Through UTC: summer time repeats an hour and leaves one out; neither is lost or doubled.
        # It may begin at half past, where clocks are changed by half an hour.
        rest = timedelta(minutes=60 - start.minute)
        return (start.astimezone(UTC) + rest).astimezone(start.tzinfo)
    days = {Interval.DAY: 1, Interval.WEEK: 7, Interval.MONTH: 32}[interval]
    return _floor(start + timedelta(days=days), interval)
