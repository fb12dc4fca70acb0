"""Daily partitions of the clicks and of the visitors counted: made ahead, dropped when old."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import connection, transaction

# Clicks are spread over the partitions of `at`, visitors over those of `day`.
# Days begin at midnight UTC, whatever the session's time zone.
_BOUND_SUFFIX = {"links_click": " 00:00:00+00", "links_visitor": ""}
PARTITIONED = tuple(_BOUND_SUFFIX)
DAYS_AHEAD = 3

_EXISTING = """
SELECT child.relname FROM pg_inherits
JOIN pg_class child ON child.oid = pg_inherits.inhrelid
JOIN pg_class parent ON parent.oid = pg_inherits.inhparent
WHERE parent.relname = %s AND parent.relnamespace = current_schema()::regnamespace
"""

# Recent days this process has seen partitions of. Retention, which runs elsewhere, drops only days
# long past; those are asked about each time.
_known: set[date] = set()
# Whoever makes partitions takes this lock: CREATE TABLE IF NOT EXISTS alone is no match for a race.
_MAKER = 7_236_114_901


def ensure(days: Iterable[date]) -> None:
    """Make the partitions of `days` that are missing, in the transaction that is open."""
    missing = sorted(set(days) - _known)
    if missing:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_MAKER])
    for day in missing:
        for table in PARTITIONED:
            _create(table, day)
        if day >= datetime.now(UTC).date() - timedelta(days=1):
            # Only once it is there for everybody: a rollback takes the table away again.
            transaction.on_commit(partial(_known.add, day))


def make_ahead() -> None:
    today = datetime.now(UTC).date()
    with transaction.atomic():
        ensure(today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1))


def drop_before(day: date) -> list[str]:
    """Drop whole days before `day`; the roll-ups keep their counts. Returns what was dropped."""
    dropped = []
    for table in PARTITIONED:
        for name in _names(table):
            if _day_of(name) < day:
                with transaction.atomic(), connection.cursor() as cursor:
                    # A DROP that waits holds up everybody behind it; an hour later will do too.
                    cursor.execute("SET LOCAL lock_timeout = '2s'")
                    # rule: sql - a name that PostgreSQL gave us, quoted
                    cursor.execute(f"DROP TABLE {connection.ops.quote_name(name)}")
                dropped.append(name)
    return dropped


def horizon() -> date:
    """The first day within retention."""
    return datetime.now(UTC).date() - timedelta(days=settings.CLICK_RETENTION_DAYS)


def days(since: date) -> list[date]:
    """Every day from `since` on whose clicks are there one by one, in order. Ask from the horizon
    on: a click that comes after its day was dropped brings back the day, not the others of it."""
    return sorted(day for name in _names("links_click") if (day := _day_of(name)) >= since)


def _create(table: str, day: date) -> None:
    bounds = [f"'{bound:%F}{_BOUND_SUFFIX[table]}'" for bound in (day, day + timedelta(days=1))]
    with connection.cursor() as cursor:
        # rule: sql - a constant and dates: no parameter may stand there
        cursor.execute(
            f"CREATE TABLE IF NOT EXISTS {table}_{day:%Y%m%d} PARTITION OF {table} "
            f"FOR VALUES FROM ({bounds[0]}) TO ({bounds[1]})"
        )


def _names(table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_EXISTING, [table])
        return sorted(row[0] for row in cursor.fetchall())


def _day_of(name: str) -> date:
    return datetime.strptime(name.rpartition("_")[2], "%Y%m%d").replace(tzinfo=UTC).date()
