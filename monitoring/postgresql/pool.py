"""A pool that says at once that PostgreSQL is away, and knows within moments that it is back.

psycopg's own lets every request wait for its whole time-out, and after an outage keeps slots in
an exponential back-off of minutes. Here one connection that cannot be made fails all who wait;
until one can, a probe asks in the background and requests are refused without waiting.
"""

import contextlib
from typing import Any

import structlog
from django.db import DEFAULT_DB_ALIAS
from psycopg import OperationalError
from psycopg_pool import ConnectionPool
from psycopg_pool.pool import MaintenanceTask

from monitoring.breakers import Breaker, registry
from monitoring.postgresql.connection import BoundedConnection, SilentServerError
from monitoring.postgresql.figures import (
    FIGURES_SECONDS,
    Figures,
    forget_those_gone,
    reason_of,
    shown,
)

logger = structlog.get_logger("rallypoint.database")

PROBE_SECONDS = 0.5
# A server that lives answers nothing much in a millisecond.
CHECK_SECONDS = 1.0
# After it, a slot whose connection could not be made is free again, for whoever needs one next.
GIVE_UP_SECONDS = 1.0


class FailFastPool(ConnectionPool[BoundedConnection]):
    def __init__(self, *, alias: str = DEFAULT_DB_ALIAS, **options: Any) -> None:
        is_primary = alias == DEFAULT_DB_ALIAS
        self._alias = alias
        self._away: Exception | None = None
        # Tells what `_away` says: it is the probe of this pool that learns when it is over.
        self._breaker = Breaker("database" if is_primary else "replica_pool")
        self._probe_is_planned = False
        self._figures = Figures("django" if is_primary else alias)
        ours = {"connection_class": BoundedConnection, "reconnect_timeout": GIVE_UP_SECONDS}
        super().__init__(**{**ours, **options})

    def open(self, wait: bool = False, timeout: float = 30.0) -> None:  # noqa: FBT001, FBT002
        is_new = self.closed
        super().open(wait, timeout)
        if is_new:
            self.schedule_task(_HandOver(self), FIGURES_SECONDS)

    def getconn(self, timeout: float | None = None) -> BoundedConnection:
        # Connections that lie ready may still be good: each is checked before it is given.
        if self._away is not None and not self._pool:
            self._figures.refuse("away")
            registry.count_refusal(self._breaker.name)
            raise OperationalError("PostgreSQL is away") from self._away
        try:
            return super().getconn(timeout)
        except OperationalError as error:
            self._figures.refuse(reason_of(error))
            with self._lock:
                forget_those_gone(self._waiting)
            raise

    def figures(self) -> dict[str, Any]:
        """Of this process: sizes, who waits, and since the start how many asked, had to wait, for
        how many milliseconds in all, and were refused."""
        return shown(self.get_stats(), self._figures.refused)

    def hand_over(self) -> None:
        self._figures.hand_over(self.get_stats())

    def _check_connection(self, conn: BoundedConnection) -> None:
        """One that broke means that the server restarted: the others broke with it. One that stays
        silent means that it hangs, and a new one would too."""
        try:
            conn.refuse_silence(CHECK_SECONDS)
        except Exception as error:
            self.drain()
            if isinstance(error, SilentServerError):
                self._note_away(error)
            raise

    def _connect(self, timeout: float | None = None) -> BoundedConnection:
        try:
            connection = super()._connect(timeout)
        except Exception as error:
            if not _is_full(error):
                self._note_away(error)
            raise
        self._note_back()
        return connection

    def _note_away(self, error: Exception) -> None:
        with self._lock:
            plan, self._probe_is_planned = not self._probe_is_planned, True
            is_new, self._away = self._away is None, error
            waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        for client in waiting:
            client.fail(OperationalError("PostgreSQL is away"))
        if is_new:
            self._breaker.trip()
            logger.error("database_away", database=self._alias, error=str(error).strip()[:300])
        if plan:
            self.schedule_task(_Probe(self), PROBE_SECONDS)

    def _note_back(self) -> None:
        was_away, self._away = self._away is not None, None
        if was_away:
            self._breaker.reset()
            logger.info("database_back", database=self._alias)

    def probe(self) -> None:
        self._probe_is_planned = False
        with contextlib.suppress(Exception):  # then the next probe is planned already
            connection = self._connect()
            with self._lock:
                has_room = self._nconns < self._max_size
                self._nconns += has_room
            if has_room:
                self._add_to_pool(connection)
            else:
                connection.close()


class _Probe(MaintenanceTask):
    def _run(self, pool: Any) -> None:
        pool.probe()


class _HandOver(MaintenanceTask):
    def _run(self, pool: Any) -> None:
        pool.hand_over()
        pool.schedule_task(self, FIGURES_SECONDS)


def _is_full(error: Exception) -> bool:
    """All its connections are taken, which is load: the server is there."""
    return "too many" in (text := str(error)) or "connection slots" in text
