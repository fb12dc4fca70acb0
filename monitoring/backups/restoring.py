"""Restoring into a database that is used: what was there stays until what comes is complete."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
import structlog
from django.db import connections
from psycopg import sql

from monitoring.backups.errors import BackupError
from monitoring.backups.filling import compare, fill
from monitoring.backups.making import check_sum
from monitoring.backups.manifest import Manifest
from monitoring.backups.progress import Progress
from monitoring.backups.server import Server
from monitoring.backups.snapshot import SCHEMA, tables
from monitoring.backups.sources import Source
from monitoring.health.machine import brought

log = structlog.get_logger("rallypoint.backups")

# What was there waits here while what comes is not complete, and under the second name from then
# on: what bears the first is put back, and what bears the second is only ever thrown away.
ASIDE, REPLACED = "rallypoint_before_restore", "rallypoint_replaced"
_LOCK = 0x7265_7374_6F72_6521  # "restore!"
_OTHERS = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
AND backend_type = 'client backend'
"""
_STRANGERS = f"{_OTHERS} AND application_name <> 'pg_restore'"
_EXTENSIONS = "SELECT extname FROM pg_extension WHERE extnamespace = %s::regnamespace"


class Restored(NamedTuple):
    """`missing` migrations are still to be applied; `unknown` ones are of a newer program."""

    rows: int
    tables: int
    seconds: float
    missing: list[str]
    unknown: list[str]


def has_tables(target: Server) -> bool:
    with target.connect() as connection:
        _put_back_what_a_killed_one_left(connection)
        return bool(tables(connection))


def restore(
    source: Source,
    target: Server,
    keys: Sequence[Any],
    progress: Progress,
    *,
    disconnect: bool = False,
) -> Restored:
    """Replaces whatever is there: whoever calls has asked. Fails without a change."""
    check_sum(source.manifest, source.archive, progress)
    connections.close_all()  # ours would be one of those that stand in the way
    with target.held(_LOCK, "restoring this database") as connection:
        _be_alone(connection, disconnect=disconnect)
        with _set_aside(connection):
            try:
                fill(source, target, keys, progress)
                _insist_on_equality(source.manifest, connection)
            except BackupError as error:
                raise BackupError(f"{error}{_who_came_back(connection)}") from None
    log.warning("database_restored", backup=source.manifest.name, database=target.database)
    return _summary(source.manifest, progress.seconds)


def _be_alone(connection: psycopg.Connection[Any], *, disconnect: bool) -> None:
    """Who writes meanwhile would write into what is thrown away."""
    others = connection.execute(_OTHERS).fetchall()
    if others and not disconnect:
        raise BackupError(
            f"{len(others)} other connections use this database: stop web, worker and beat first. "
            "--disconnect ends those that are left."
        )
    for (pid,) in others:
        connection.execute("SELECT pg_terminate_backend(%s)", [pid])


def _who_came_back(connection: psycopg.Connection[Any]) -> str:
    if not (strangers := connection.execute(_STRANGERS).fetchall()):
        return ""
    return (
        f" Meanwhile {len(strangers)} others connected, and may have written: stop web, worker and "
        "beat first."
    )


@contextmanager
def _set_aside(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """What is there waits under another name; it is thrown away at the end, or put back."""
    _put_back_what_a_killed_one_left(connection)
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
        _put_back(connection)
        raise
    _rename(connection, ASIDE, REPLACED)
    _throw_away_replaced(connection)


def _throw_away_replaced(connection: psycopg.Connection[Any]) -> None:
    """What was restored is used from now on, also when this fails; the next restore does it."""
    try:
        # rule: sql - names alone, quoted or of ours
        connection.execute(f"DROP SCHEMA IF EXISTS {REPLACED} CASCADE")
    except psycopg.Error as error:
        log.warning("replaced_schema_kept", schema=REPLACED, error=type(error).__name__)


def _put_back_what_a_killed_one_left(connection: psycopg.Connection[Any]) -> None:
    """Only when nobody is at it: the lock of a restore is not ours here, but it would be held. And
    nobody may work with the half that is there."""
    if not _exists(connection, ASIDE):
        return
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
    if not (row and row[0]):
        raise BackupError("Another process is restoring this database just now.")
    try:
        if connection.execute(_OTHERS).fetchone():
            raise BackupError(
                "An earlier restore was killed, and its half is in use: stop web, worker and beat; "
                "then what was there before is put back."
            )
        log.warning("restore_undone", reason="an earlier restore was killed")
        _put_back(connection)
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _put_back(connection: psycopg.Connection[Any]) -> None:
    with connection.transaction():
        _move_extensions(connection, SCHEMA, ASIDE)
        # rule: sql - names alone, quoted or of ours
        connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
        _rename(connection, ASIDE, SCHEMA)


def _move_extensions(connection: psycopg.Connection[Any], old: str, new: str) -> None:
    for (name,) in connection.execute(_EXTENSIONS, [old]).fetchall():
        statement = sql.SQL("ALTER EXTENSION {} SET SCHEMA {}")
        # rule: sql - names alone, quoted or of ours
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(new)))


def _rename(connection: psycopg.Connection[Any], old: str, new: str) -> None:
    statement = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
    # rule: sql - names alone, quoted or of ours
    connection.execute(statement.format(sql.Identifier(old), sql.Identifier(new)))


def _exists(connection: psycopg.Connection[Any], schema: str) -> bool:
    row = connection.execute("SELECT to_regnamespace(%s) IS NOT NULL", [schema]).fetchone()
    return bool(row and row[0])


def _insist_on_equality(manifest: Manifest, connection: psycopg.Connection[Any]) -> None:
    wrong = [one for one in compare(manifest, connection) if not one.is_equal]
    if wrong:
        told = ", ".join(f"{one.name}: {one.expected} expected, {one.found}" for one in wrong[:5])
        raise BackupError(
            f"What was restored is not what was dumped ({told}). Nothing was changed."
        )


def _summary(manifest: Manifest, seconds: float) -> Restored:
    ours = {".".join(name) for name in brought()}
    apps = {name.partition(".")[0] for name in ours}
    theirs = {name for name in manifest.migrations if name.partition(".")[0] in apps}
    return Restored(
        manifest.rows, len(manifest.tables), seconds, sorted(ours - theirs), sorted(theirs - ours)
    )
