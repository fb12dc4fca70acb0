"""The drill: a backup that was never restored is a hope."""

import secrets
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
import structlog
from django.conf import settings
from django.core.management import call_command
from django.utils.module_loading import import_string
from psycopg import sql

from monitoring.backups import records
from monitoring.backups.errors import BackupError
from monitoring.backups.filling import Compared, compare, fill
from monitoring.backups.making import check_sum
from monitoring.backups.progress import Progress
from monitoring.backups.server import Server, pointed_at
from monitoring.backups.sources import Source
from monitoring.equations import Difference

log = structlog.get_logger("rallypoint.backups")

_LOCK = 0x6472_696C_6C73_2121  # "drills!!"
_LEFT = "SELECT datname FROM pg_database WHERE datname ~ %s"


class Report(NamedTuple):
    """`proofs` are the differences of each; `migrated` says that the backup was of an older
    program, so that its tables were brought up to date before they were proved."""

    name: str
    restored_seconds: float
    seconds: float
    rows: int
    compared: list[Compared]
    proofs: dict[str, list[Difference]]
    migrated: bool

    @property
    def differences(self) -> int:
        uneven = sum(not one.is_equal for one in self.compared)
        return uneven + sum(map(len, self.proofs.values()))


def drill(source: Source, keys: Sequence[Any], progress: Progress) -> Report:
    started = time.monotonic()
    check_sum(source.manifest, source.archive, progress)
    server = Server.ours()
    with server.held(_LOCK, "drilling") as connection, _scratch(server, connection) as scratch:
        restoring = time.monotonic()
        fill(source, scratch, keys, progress)
        restored_seconds = time.monotonic() - restoring
        with scratch.connect() as theirs:
            compared = compare(source.manifest, theirs)
        proofs, migrated = _proved(source, scratch, progress)
    seconds = time.monotonic() - started
    report = Report(
        *(source.manifest.name, restored_seconds, seconds, source.manifest.rows),
        *(compared, proofs, migrated),
    )
    records.note_drill(report.name, seconds=seconds, differences=report.differences)
    log.info("backup_drilled", name=report.name, differences=report.differences, seconds=seconds)
    return report


def prefix_of(database: str) -> str:
    """Of its drills' databases, and of nobody else's: a name may be cut off, and others begin with
    the same letters."""
    plain = "".join(one if one.isalnum() else "_" for one in database[:30])
    return f"{plain}_drill_{zlib.crc32(database.encode()):08x}_"


@contextmanager
def _scratch(server: Server, connection: psycopg.Connection[Any]) -> Iterator[Server]:
    """A database of its own on the same server, gone afterwards; also those of drills that were
    killed, for we hold the lock."""
    prefix = prefix_of(server.database)
    for (left,) in connection.execute(_LEFT, [f"^{prefix}[0-9a-f]{{8}}$"]).fetchall():
        _drop(connection, left)
    scratch = server.other(f"{prefix}{secrets.token_hex(4)}")
    try:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'")
        # rule: sql - a name alone, quoted
        connection.execute(statement.format(sql.Identifier(scratch.database)))
    except psycopg.errors.InsufficientPrivilege:
        raise BackupError(
            "A drill needs a database of its own, and this role may make none: "
            "ALTER ROLE ... CREATEDB."
        ) from None
    try:
        yield scratch
    finally:
        _drop(connection, scratch.database)


def _drop(connection: psycopg.Connection[Any], name: str) -> None:
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    # rule: sql - a name alone, quoted
    connection.execute(statement.format(sql.Identifier(name)))


def _proved(
    source: Source, scratch: Server, progress: Progress
) -> tuple[dict[str, list[Difference]], bool]:
    """The equations as this program knows them, so on tables as it knows them."""
    from monitoring.health.machine import brought

    ours = {".".join(name) for name in brought()}
    is_older = not ours <= set(source.manifest.migrations)
    with pointed_at(scratch):
        if is_older:
            progress.tell("migrating")
            call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
        proofs = {}
        for name, path in settings.BACKUP_PROOFS.items():
            progress.tell(f"proving {name}")
            proofs[name] = list(import_string(path)().differences)
    return proofs, is_older
