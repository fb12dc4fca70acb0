"""What PostgreSQL knows of its own work: read, never changed, each part within a limit of time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, connection, transaction

from monitoring.postgresql import report_queries as queries
from monitoring.postgresql.statements import first_line, shape
from monitoring.wire.fields import instant

PATIENCE_MS = 10_000

_NOT_THERE = (
    "pg_stat_statements is not among the server's extensions: install its contrib package, put "
    "shared_preload_libraries = 'pg_stat_statements' into its configuration, restart it, then "
    "CREATE EXTENSION pg_stat_statements."
)
_NOT_MADE = (
    "Put shared_preload_libraries = 'pg_stat_statements' into the server's configuration, restart "
    "it, then CREATE EXTENSION pg_stat_statements."
)
_NOT_LOADED = (
    "The extension is there and not loaded: put shared_preload_libraries = 'pg_stat_statements' "
    "into the server's configuration, and restart it."
)


@dataclass(frozen=True, slots=True)
class Section:
    """`note` says why there are no rows, or what to know of them."""

    title: str
    note: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Report:
    database: str
    server: str
    counted_since: str
    sections: dict[str, Section]

    def as_json(self) -> dict[str, Any]:
        return {
            "database": self.database,
            "server": self.server,
            "countedSince": self.counted_since,
            "sections": {name: asdict(section) for name, section in self.sections.items()},
        }


def make_report(*, limit: int = 10, long_seconds: int = 60) -> Report:
    """At most `limit` rows a part; transactions older than `long_seconds` are long. DatabaseError
    when the server is away; a part that fails alone says so in its note."""
    ((database, server, since),) = _rows(queries.HEAD, {})
    values = {"limit": limit, "seconds": long_seconds}
    sections = {"slowest": _slowest(values)}
    for name, (title, query, note) in queries.PARTS.items():
        sections[name] = _section(title, query, note, values)
    counted_since = instant(since) if since else "the server's start"
    return Report(database, server, counted_since, sections)


def _slowest(values: dict[str, Any]) -> Section:
    title = "Statements that took the most time"
    ((is_available, is_made),) = _rows(queries.EXTENSION, {})
    if not is_made:
        return Section(title, _NOT_MADE if is_available else _NOT_THERE)
    found = _section(title, queries.STATEMENTS, "", values)
    return Section(title, _NOT_LOADED) if "shared_preload_libraries" in found.note else found


def _section(title: str, query: str, note: str, values: dict[str, Any]) -> Section:
    try:
        return Section(title, note, list(_documents(query, values)))
    except DatabaseError as error:
        return Section(title, f"This could not be read: {first_line(error)}")


def _documents(query: str, values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    with _reading() as cursor:
        cursor.execute(query, values)
        names = [column.name for column in cursor.description]
        rows = cursor.fetchall()
    for row in rows:
        yield {name: _plain(name, value) for name, value in zip(names, row, strict=True)}


def _rows(query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with _reading() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())


@contextmanager
def _reading() -> Iterator[Any]:
    """A cursor in a transaction that cannot write, nor take longer than PATIENCE_MS."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL transaction_read_only = on")
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(PATIENCE_MS)])
        yield cursor
        transaction.set_rollback(True)  # nothing was written, and nothing set may stay


def _plain(name: str, value: Any) -> Any:
    """Statements of others hold values; theirs are left out."""
    if name.endswith("tatement") and isinstance(value, str):
        return shape(value)
    if isinstance(value, Decimal):
        return float(value)
    return instant(value) if isinstance(value, datetime) else value
