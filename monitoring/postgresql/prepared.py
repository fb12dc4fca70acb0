"""One statement, parsed and planned once a connection.

Django's cursors put the values into the text, so that PostgreSQL plans each statement anew. For a
statement of a dozen parts on a hot road, planning costs more than running it.
"""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import Cursor
from psycopg.rows import tuple_row

from monitoring.postgresql.watching import timed


def find_row(
    statement: str, parameters: dict[str, Any], *, using: str = DEFAULT_DB_ALIAS
) -> tuple[Any, ...] | None:
    """The first row of `statement`, in the current transaction if there is one."""
    connection = connections[using]
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with (
        timed(connection, statement),
        connection.wrap_database_errors,
        Cursor(connection.connection) as cursor,
    ):
        cursor.row_factory = tuple_row
        cursor.execute(statement, parameters, prepare=True)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


def fetch_row(
    statement: str, parameters: dict[str, Any], *, using: str = DEFAULT_DB_ALIAS
) -> tuple[Any, ...]:
    """The same for a statement that always gives one."""
    row = find_row(statement, parameters, using=using)
    assert row is not None  # noqa: S101 - promised by who calls
    return row
