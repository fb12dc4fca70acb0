"""Bringing clicks from PostgreSQL to ClickHouse, until both count the same for every day.

There is no cursor that could be wrong: what is to be done is what the counts of a day differ by.
The newest clicks are looked for first; those that came late (from a spool) make the count differ
still, and then the whole day is gone through. PostgreSQL's counts are those of the roll-ups, which
E2 proves.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from links.clicks import partitions
from links.warehouse import state, table

# Who copies; an advisory lock of the transaction, so that a pooler may stand between.
_COPYING = 7_236_114_902
# How far before the newest known click others may still arrive as a matter of course.
_OVERLAP = timedelta(minutes=2)
# So many clicks are in the memory of whoever copies, more or less.
_PART = 100_000
_DAY = timedelta(days=1)
_MINUTES_A_DAY = 1_440

Tell = Callable[[str], object]

_STORED = """
SELECT start, sum(clicks)::bigint FROM links_clicksbyday
WHERE dimension = 0 AND start >= %s GROUP BY start ORDER BY start
"""
# By the id too: it begins with the time, and is what the index has.
_ROWS = f"""
SELECT event_id, at, link_id, is_bot, coalesce(visitor, ''::bytea), {", ".join(table.COLUMNS[5:])}
FROM links_click WHERE at >= %(start)s AND at < %(end)s
AND event_id >= %(first)s AND event_id < %(last)s
"""  # noqa: S608 - names of columns


class Copied(NamedTuple):
    """`clicks` that were brought; `unequal` are the days that both still count differently, which
    PostgreSQL no longer has one by one or for which the time did not suffice."""

    clicks: int = 0
    unequal: tuple[date, ...] = ()


def copy(since: date, *, seconds: float, tell: Tell = lambda _: None) -> Copied | None:
    """Of the days from `since` on, for so long. None while another process copies. Raises
    WarehouseError; what was brought until then stays, and is not brought again."""
    with transaction.atomic():
        _look_at_one_moment()
        if not _is_ours():
            return None
        table.create()
        deadline, clicks = time.monotonic() + seconds, 0
        for day in _unequal(since):
            if day >= partitions.horizon():
                clicks += _copy_day(day, deadline, tell)
        unequal = tuple(_unequal(since))
    state.keep(since, unequal)
    return Copied(clicks, unequal)


def stored(since: date) -> dict[date, int]:
    """Clicks of each day, as PostgreSQL counts them."""
    with connection.cursor() as cursor:
        cursor.execute(_STORED, [since])
        return dict(cursor.fetchall())


def _look_at_one_moment() -> None:
    """Clicks go on coming: their rows and their counts have to be of the same snapshot."""
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


def _is_ours() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_COPYING])
        return bool(cursor.fetchone()[0])


def _unequal(since: date) -> Iterator[date]:
    found = table.counts()
    return (day for day, many in stored(since).items() if found.get(day, 0) != many)


def _copy_day(day: date, deadline: float, tell: Tell) -> int:
    wanted, found = stored(day).get(day, 0), table.counts().get(day, 0)
    if found > wanted:
        table.merge(day)
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    newest = table.newest(day) if found else None
    recent = max(begin, newest - _OVERLAP) if newest else begin
    clicks = 0
    for start in (recent, begin):
        if table.counts().get(day, 0) < stored(day).get(day, 0):
            clicks += _copy_between(start, begin + _DAY, wanted, deadline, tell)
    return clicks


def _copy_between(start: datetime, end: datetime, many: int, deadline: float, tell: Tell) -> int:
    """In steps so short that each has about _PART clicks, of a day with so `many`."""
    step = timedelta(minutes=max(1, min(_MINUTES_A_DAY, _MINUTES_A_DAY * _PART // max(1, many))))
    clicks = 0
    while start < end and time.monotonic() < deadline:
        until = min(end, start + step)
        there = table.known(start, until)
        if rows := [row for row in _rows(start, until) if row[0] not in there]:
            table.add(rows)
            clicks += len(rows)
            tell(f"{start:%F %H:%M}: {clicks:,} clicks copied")
        start = until
    return clicks


def _rows(start: datetime, end: datetime) -> Iterator[tuple[Any, ...]]:
    bounds: dict[str, Any] = {"start": start, "end": end}
    bounds |= {"first": _id_of(start), "last": _id_of(end)}
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, bounds)
        for event_id, at, link, is_bot, visitor, *texts in cursor:
            yield (event_id, at, link, is_bot, bytes(visitor), *texts)


def _id_of(moment: datetime) -> UUID:
    """The smallest UUIDv7 of this millisecond, or of any other version."""
    return UUID(int=table.milliseconds(moment) << 80)
