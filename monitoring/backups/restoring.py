"""Restoring into a database that is used: what was there stays until what comes is complete."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
import structlog
from django.db import connections

from monitoring.backups import aside
from monitoring.backups.errors import BackupError
from monitoring.backups.filling import compare, fill, fill_one
from monitoring.backups.making import check_sum
from monitoring.backups.manifest import Manifest
from monitoring.backups.progress import Progress
from monitoring.backups.server import Server
from monitoring.backups.snapshot import MIGRATIONS, tables
from monitoring.backups.sources import Source
from monitoring.health.machine import brought

log = structlog.get_logger("rallypoint.backups")

_LOCK, _RESTORING = 0x7265_7374_6F72_6521, "restoring this database"  # "restore!"
_OTHERS = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
AND backend_type = 'client backend'
"""
_STRANGERS = f"{_OTHERS} AND application_name <> 'pg_restore'"


class Restored(NamedTuple):
    """`missing` migrations are still to be applied; `unknown` ones are of a newer program."""

    rows: int
    tables: int
    seconds: float
    missing: list[str]
    unknown: list[str]


class Found(NamedTuple):
    has_tables: bool
    is_cut_off: bool


def look(target: Server) -> Found:
    """BackupBusyError while another process restores there."""
    with target.held(_LOCK, _RESTORING) as connection:
        return Found(bool(tables(connection)), aside.is_cut_off(connection))


def undo(target: Server, *, disconnect: bool = False) -> None:
    """What a killed restore had set aside is put back; the half of it is thrown away."""
    connections.close_all()
    with target.held(_LOCK, _RESTORING) as connection:
        if not aside.is_cut_off(connection):
            raise BackupError("No restore was cut off here: there is nothing to put back.")
        _be_alone(connection, disconnect=disconnect)
        aside.put_back(connection)
    log.warning("restore_undone", database=target.database)


def restore(
    source: Source,
    target: Server,
    keys: Sequence[Any],
    progress: Progress,
    *,
    disconnect: bool = False,
) -> Restored:
    """Replaces whatever is there: whoever calls has asked. Fails without a change.

    Which migrations were applied comes last, so that nobody takes a half for the whole: without it
    no process starts that looks, and health is bad.
    """
    check_sum(source.manifest, source.archive, progress)
    connections.close_all()  # ours would be one of those that stand in the way
    with target.held(_LOCK, _RESTORING) as connection:
        _be_alone(connection, disconnect=disconnect)
        with aside.set_aside(connection), _strangers_told(connection):
            fill(source, target, keys, progress, without=MIGRATIONS)
            _insist_on_equality(source.manifest, connection, without=MIGRATIONS)
            fill_one(source, target, keys, progress, MIGRATIONS)
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


@contextmanager
def _strangers_told(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """An error may be the work of somebody who connected in the middle."""
    try:
        yield
    except BackupError as error:
        if not (strangers := connection.execute(_STRANGERS).fetchall()):
            raise
        raise BackupError(
            f"{error} Meanwhile {len(strangers)} others connected, and may have written: stop web, "
            "worker and beat first."
        ) from None


def _insist_on_equality(
    manifest: Manifest, connection: psycopg.Connection[Any], *, without: str
) -> None:
    compared = compare(manifest, connection)
    wrong = [one for one in compared if not one.is_equal and one.name != without]
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
