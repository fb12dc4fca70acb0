"""Turning maintenance on and off, and the lock in the database."""

import time
from typing import Any

import structlog
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.utils import timezone
from psycopg import sql
from redis.exceptions import RedisError

from monitoring.maintenance import notice
from monitoring.maintenance.notice import KEY, Notice, decode, encode
from monitoring.maintenance.watcher import ANNOUNCED_SECONDS
from monitoring.models import Maintenance
from monitoring.redis import durable

logger = structlog.get_logger("rallypoint.maintenance")

_SETTING = "default_transaction_read_only"


def switch(*, on: bool, message: str = "", by: str = "") -> bool:
    """Stored, locked and announced; whether the database's own lock is in place (or gone): only its
    owner may set it. It holds for connections made from now on; those of the web processes, which
    have the first lock, never see it."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ WRITE")
        row, _ = Maintenance.objects.select_for_update().get_or_create(pk=Maintenance.ONLY)
        row.is_on, row.message, row.by, row.since = on, message, by, timezone.now()
        # By the clock: newer than what processes know, though older rows were restored meanwhile.
        row.version = max(row.version + 1, time.time_ns() // 1_000_000)
        row.save()
        is_locked = _lock(on=on)
    _announce(_notice_of(row))
    logger.warning("maintenance_switched", on=on, by=by, database_locked=is_locked and on)
    return is_locked


def stored() -> Notice:
    """What PostgreSQL says."""
    row = Maintenance.objects.filter(pk=Maintenance.ONLY).first()
    return _notice_of(row) if row else Notice()


def stored_once() -> Notice:
    """The same, for a thread that serves no request which would give the connection back."""
    try:
        return stored()
    finally:
        connection.close()


def is_on() -> bool:
    """For processes that nobody keeps informed: Redis is asked, then PostgreSQL. While neither
    answers it is no maintenance that keeps anybody from working."""
    try:
        return (_announced() or stored()).is_on
    except DatabaseError:
        return False


def _announced() -> Notice | None:
    try:
        raw: Any = durable().get(KEY)
        return decode(raw) if raw else None
    except (RedisError, ValueError):
        return None


def _notice_of(row: Maintenance) -> Notice:
    return Notice(version=row.version, is_on=row.is_on, message=row.message)


def _lock(*, on: bool) -> bool:
    """In a savepoint: without the right to it, the first lock has to do."""
    name = sql.Identifier(connection.settings_dict["NAME"])
    verb = sql.SQL("SET {} = on") if on else sql.SQL("RESET {}")
    statement = sql.SQL("ALTER DATABASE {} {}").format(name, verb.format(sql.Identifier(_SETTING)))
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except ProgrammingError as error:
        logger.warning("database_not_locked", error=str(error).strip()[:200])
        return False
    return True


def _announce(new: Notice) -> None:
    """Whoever is not reached asks PostgreSQL when the last announcement has run out."""
    notice.put(new)
    try:
        durable().set(KEY, encode(new), ex=ANNOUNCED_SECONDS)
    except RedisError as error:
        logger.warning("maintenance_not_announced", error=str(error)[:200])
