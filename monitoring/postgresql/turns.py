"""A turn that one process at a time has, for longer than a transaction of its work."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from django.db import DatabaseError, connection


@contextmanager
def turn(number: int) -> Iterator[bool]:
    """Whether the turn of this `number` is ours, until the end of the block or of this process.

    The lock is that of a transaction on a connection of its own: a lock of the session would stay
    with a server of PgBouncer's when the session goes on with another one. The transaction waits
    without a snapshot, so it keeps nothing from being cleared away.
    """
    with closing(connection.copy()) as own:
        own.set_autocommit(False)
        with own.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
            (is_ours,) = cursor.fetchone() or (False,)
        try:
            yield is_ours
        finally:  # PgBouncer would close a server whose client leaves in a transaction
            with suppress(DatabaseError):
                own.rollback()
