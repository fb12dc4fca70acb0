"""What a database held before a restore: it waits in a schema of its own while what comes is not
complete.

The names say what to do with what a killed restore leaves: what bears the first is put back, and
what bears the second is only ever thrown away. Whoever calls holds the lock of a restore.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import structlog
from psycopg import sql

from monitoring.backups.errors import BackupError
from monitoring.backups.snapshot import ASIDE, SCHEMA

log = structlog.get_logger("rallypoint.backups")

REPLACED = "rallypoint_replaced"
_EXTENSIONS = "SELECT extname FROM pg_extension WHERE extnamespace = %s::regnamespace"


def is_cut_off(connection: psycopg.Connection[Any]) -> bool:
    """Whether a restore was killed here, so that the half of it lies where the tables should."""
    row = connection.execute("SELECT to_regnamespace(%s) IS NOT NULL", [ASIDE]).fetchone()
    return bool(row and row[0])


@contextmanager
def set_aside(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """What is there waits under another name; it is thrown away at the end, or put back."""
    if is_cut_off(connection):
        put_back(connection)
    _throw_away_replaced(connection)
    try:
        with connection.transaction():
            _rename(connection, SCHEMA, ASIDE)
            # rule: sql - names alone, quoted or of ours
            connection.execute(f"CREATE SCHEMA {SCHEMA}")
            # rule: sql - names alone, quoted or of ours
            connection.execute(f"GRANT USAGE ON SCHEMA {SCHEMA} TO PUBLIC")
            _move_extensions(connection, ASIDE, SCHEMA)
    except psycopg.Error as error:
        raise BackupError(
            f"This role may not replace what is in the database: {str(error).splitlines()[0]}. It "
            f"must own the database, and the extensions in the schema {SCHEMA}."
        ) from None
    try:
        yield
    except BaseException:
        put_back(connection)
        raise
    _rename(connection, ASIDE, REPLACED)
    _throw_away_replaced(connection)


def put_back(connection: psycopg.Connection[Any]) -> None:
    """What came is thrown away."""
    with connection.transaction():
        _move_extensions(connection, SCHEMA, ASIDE)
        # rule: sql - names alone, quoted or of ours
        connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
        _rename(connection, ASIDE, SCHEMA)


def _throw_away_replaced(connection: psycopg.Connection[Any]) -> None:
    """What was restored is used from now on, also when this fails; the next restore does it."""
    try:
        # rule: sql - names alone, quoted or of ours
        connection.execute(f"DROP SCHEMA IF EXISTS {REPLACED} CASCADE")
    except psycopg.Error as error:
        log.warning("replaced_schema_kept", schema=REPLACED, error=type(error).__name__)


def _move_extensions(connection: psycopg.Connection[Any], old: str, new: str) -> None:
    for (name,) in connection.execute(_EXTENSIONS, [old]).fetchall():
        statement = sql.SQL("ALTER EXTENSION {} SET SCHEMA {}")
        # rule: sql - names alone, quoted or of ours
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(new)))


def _rename(connection: psycopg.Connection[Any], old: str, new: str) -> None:
    statement = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
    # rule: sql - names alone, quoted or of ours
    connection.execute(statement.format(sql.Identifier(old), sql.Identifier(new)))
