"""The table of clicks in ClickHouse: columns as PostgreSQL has them, a partition a day.

A copy that was cut off may come twice. Such rows are the same in all columns and fall together when
their partition is merged (ReplacingMergeTree); until then the day has more rows than it should, and
is not read.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from links.warehouse import client

COLUMNS = (
    "event_id", "at", "link_id", "is_bot", "visitor", "country", "language", "referrer", "browser",
    "os", "device", "variant", "rule",
)  # fmt: skip

_CREATE = """
CREATE TABLE IF NOT EXISTS click (
    event_id UUID, at DateTime64(3, 'UTC'), link_id Int64, is_bot Bool, visitor String,
    country LowCardinality(String), language LowCardinality(String), referrer String,
    browser LowCardinality(String), os LowCardinality(String), device LowCardinality(String),
    variant LowCardinality(String), rule LowCardinality(String)
) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMMDD(at) ORDER BY (link_id, at, event_id)
"""
_COUNTS = """
SELECT partition, sum(rows) FROM system.parts
WHERE active AND database = currentDatabase() AND table = 'click' GROUP BY partition
"""
# Numbers, since a text would be read in the server's time zone, whichever that is.
BETWEEN = """
at >= fromUnixTimestamp64Milli(%(start)s, 'UTC') AND at < fromUnixTimestamp64Milli(%(end)s, 'UTC')
"""
_NEWEST = f"SELECT max(at), count() FROM click WHERE {BETWEEN}"  # noqa: S608 - a constant
_KNOWN = f"SELECT event_id FROM click WHERE {BETWEEN}"  # noqa: S608 - a constant


def create() -> None:
    client.command(_CREATE)


def counts() -> dict[date, int]:
    """How many rows each day has; it is not counted, the server knows."""
    rows = client.query(_COUNTS)
    return {datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date(): n for day, n in rows}


def newest(day: date) -> datetime | None:
    """When the last of that day was, to the millisecond."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    bounds = {"start": milliseconds(begin), "end": milliseconds(begin + timedelta(days=1))}
    ((last, many),) = client.query(_NEWEST, bounds)
    return last.replace(tzinfo=UTC) if many else None


def known(start: datetime, end: datetime) -> set[Any]:
    """The ids that are there of this time."""
    bounds = {"start": milliseconds(start), "end": milliseconds(end)}
    return {event_id for (event_id,) in client.query(_KNOWN, bounds)}


def add(rows: list[tuple[Any, ...]]) -> None:
    client.insert("click", rows, COLUMNS)


def merge(day: date) -> None:
    """What is there twice is there once afterwards."""
    client.command(f"OPTIMIZE TABLE click PARTITION {day:%Y%m%d} FINAL")


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
