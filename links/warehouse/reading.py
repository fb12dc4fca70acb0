"""The numbers of links.clicks.statistics out of single clicks.

A visitor counts once a day, with the first click of that day, so days are looked at whole. Which of
two clicks was first is said by their time; the roll-ups say it by which was stored first, and only
clicks that came late tell them apart, in break-downs and not in the sum of a day.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from django.conf import settings

from links.models import Dimension
from links.warehouse import client, state, table

log = structlog.get_logger("rallypoint.clickhouse")

Row = tuple[Any, ...]

_COLUMNS = {
    Dimension.TOTAL: "''",
    Dimension.COUNTRY: "country",
    Dimension.BROWSER: "browser",
    Dimension.OS: "os",
    Dimension.DEVICE: "device",
    Dimension.REFERRER: "referrer",
    Dimension.LANGUAGE: "language",
    Dimension.VARIANT: "variant",
    Dimension.RULE: "rule",
}
_SEEN = """
WITH seen AS (
    SELECT *, visitor != '' AND row_number() OVER (
        PARTITION BY link_id, toDate(at), visitor ORDER BY at, event_id) = 1 AS is_first
    FROM click
    WHERE link_id IN %(links)s AND toDate(at) BETWEEN %(first_day)s AND %(last_day)s
)
"""
_SUMS = (
    _SEEN
    + """
SELECT dimension, value, count(), countIf(is_bot), countIf(is_first)
FROM seen ARRAY JOIN %(dimensions)s AS dimension, [{columns}] AS value
WHERE {between}
GROUP BY dimension, value ORDER BY dimension, count() DESC, value LIMIT %(limit)s BY dimension
"""
)
_SERIES = (
    _SEEN
    + """
SELECT roundDown(toUnixTimestamp64Milli(at), %(starts)s) AS start, count(), countIf(is_bot),
       countIf(is_first)
FROM seen WHERE {between} GROUP BY start
"""
)


def sums(
    links: Sequence[int],
    start: datetime,
    end: datetime,
    dimensions: Sequence[Dimension],
    *,
    limit: int,
) -> list[Row] | None:
    """(dimension, value, clicks, bots, visitors); None when ClickHouse is not to be asked."""
    columns = ", ".join(_COLUMNS[dimension] for dimension in dimensions)
    asked = {"dimensions": [dimension.value for dimension in dimensions], "limit": limit}
    return _read(_SUMS.format(columns=columns, between=table.BETWEEN), links, start, end, asked)


def series(
    links: Sequence[int], start: datetime, end: datetime, starts: Sequence[datetime]
) -> list[Row] | None:
    """(number of the step from 1, clicks, bots, visitors), a step from each of `starts` to the
    next; None when ClickHouse is not to be asked."""
    steps = [table.milliseconds(each) for each in starts]
    rows = _read(_SERIES.format(between=table.BETWEEN), links, start, end, {"starts": steps})
    return rows and [(bisect_right(steps, begin), *numbers) for begin, *numbers in rows]


def _read(
    statement: str, links: Sequence[int], start: datetime, end: datetime, asked: dict[str, Any]
) -> list[Row] | None:
    if not settings.CLICKHOUSE_URL or not links or not _is_whole(start.date()):
        return None
    last_day = (end - timedelta(microseconds=1)).date()
    days = {"first_day": start.date(), "last_day": last_day}
    bounds = {
        "links": list(links),
        "start": table.milliseconds(start),
        "end": table.milliseconds(end),
    }
    try:
        return client.query(statement, days | bounds | asked)
    except client.WarehouseError as error:
        log.warning("clickhouse_not_read", error=str(error))
        return None


def _is_whole(first: date) -> bool:
    since = state.whole_since()
    return since is not None and since <= first
