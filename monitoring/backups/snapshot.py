"""What a database holds at one moment: counted in the snapshot that is dumped, and again in what
was restored from it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from django.conf import settings
from django.utils.module_loading import import_string
from psycopg import sql

SCHEMA = "public"
# Where what was there waits while a restore is not complete: see aside.py.
ASIDE = "rallypoint_before_restore"
MIGRATIONS = "django_migrations"

_TABLES = """
SELECT relname FROM pg_class
WHERE relkind = 'r' AND relnamespace = %s::regnamespace ORDER BY relname
"""
_MIGRATIONS = "SELECT app || '.' || name FROM django_migrations ORDER BY 1"


class Contents(NamedTuple):
    tables: dict[str, int]
    migrations: list[str]
    figures: dict[str, str]


@contextmanager
def exported(connection: psycopg.Connection[Any]) -> Iterator[str]:
    """The name by which pg_dump sees what this connection sees, until the end of the block."""
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row  # noqa: S101 - for mypy: it always gives one
        yield row[0]
    finally:
        connection.execute("ROLLBACK")


def contents(connection: psycopg.Connection[Any]) -> Contents:
    names = tables(connection)
    return Contents(
        {name: _rows(connection, name) for name in names},
        _column(connection, _MIGRATIONS) if "django_migrations" in names else [],
        # Of a database that has our tables; any other one can be dumped, too.
        _figures(connection) if "django_migrations" in names else {},
    )


def tables(connection: psycopg.Connection[Any]) -> list[str]:
    """Those that hold rows: of a partitioned one, its partitions."""
    return _column(connection, _TABLES, SCHEMA)


def _rows(connection: psycopg.Connection[Any], table: str) -> int:
    statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(SCHEMA, table))
    row = connection.execute(statement).fetchone()
    return int(row[0]) if row else 0


def _figures(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """What the apps name in BACKUP_FIGURES: statements that give one value each."""
    found = {}
    for path in settings.BACKUP_FIGURES:
        for name, statement in import_string(path).items():
            row = connection.execute(statement).fetchone()
            found[name] = str(row[0]) if row else ""
    return found


def _column(connection: psycopg.Connection[Any], statement: str, *values: Any) -> list[str]:
    return [row[0] for row in connection.execute(statement.encode(), values).fetchall()]
