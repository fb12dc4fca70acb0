"""Reads that may be a few seconds old go to a replica that is no older; all others to the primary.

Nothing goes there by itself. A selector that may asks for it, by `read_aged` or, where rows are
handed out one by one, by `analytics`. A replica is read while it answers, is in recovery and lags
by DATABASE_REPLICA_MAX_LAG at most; never inside of a transaction, and never for somebody who wrote
a moment ago (`monitoring.postgresql.writers`).
"""

import random
import time
from collections.abc import Callable
from functools import lru_cache
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import structlog
from django.conf import settings
from django.core.signals import setting_changed
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections
from prometheus_client import Counter

from monitoring.breakers import Breaker, BreakerOpenError, Limits
from monitoring.breakers.breaker import Guard
from monitoring.metrics import gauge
from monitoring.postgresql.writers import wrote_lately

logger = structlog.get_logger("rallypoint.database")

# How long a look at a replica is good for: the limit of the lag is kept to within this.
KEEP_SECONDS = 1.0
LIMITS = Limits(minimum=1, window=1, open_seconds=5.0, probe_seconds=10.0)
CHOSEN = Counter(
    "rallypoint_analytics_reads", "Reads that may be a little old, by where they went.", ["server"]
)
FALLBACKS = Counter(
    "rallypoint_analytics_fallbacks",
    "Those that went to the primary although there are replicas, by why.",
    ["reason"],
)

# The stamp of the last commit that was replayed is of the primary's clock, as is the moment: clocks
# that differ make no lag. While nothing is written stamps grow old; places in the log do not.
_PRIMARY = "SELECT pg_current_wal_lsn() - '0/0', extract(epoch FROM clock_timestamp())"
_REPLICA = """
SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() - '0/0',
    extract(epoch FROM pg_last_xact_replay_timestamp())
"""
_FAILED = (OperationalError, InterfaceError)
# What PostgreSQL gives up so that replay can go on.
_CONFLICT = "40001"
# Connection failures, and a server that is going or coming up.
_GONE = ("08", "57P")

R = TypeVar("R")


class _BrokeOffError(Exception):
    """The primary is asked instead."""


class Look(NamedTuple):
    """What was seen of a replica: `lag` in seconds, None when it cannot be told; `trouble` is why
    it is not to be read: "away", "promoted", "lag", or "unknown"."""

    at: float
    lag: float | None = None
    trouble: str = ""


class Replicas:
    """`aliases` are those of DATABASES; `primary` is whose replicas they are."""

    def __init__(
        self, aliases: tuple[str, ...], *, max_lag: float, primary: str = DEFAULT_DB_ALIAS
    ) -> None:
        self._primary = primary
        self._max_lag = max_lag
        self._looks = {alias: Look(float("-inf"), trouble="unknown") for alias in aliases}
        # Whoever asks says what failed: a statement that was wrong, or too slow, says nothing.
        self._breakers = {alias: Breaker("replica", LIMITS, failures=()) for alias in aliases}
        self._lock = Lock()

    def choose(self) -> str:
        """One of those that are fit, or the primary."""
        if connections[self._primary].in_atomic_block:
            return self._primary
        looks = self.looks()
        if fit := [alias for alias, look in looks.items() if not look.trouble]:
            return random.choice(fit)  # noqa: S311 - shares load, and guards nothing
        FALLBACKS.labels(next(iter(looks.values())).trouble).inc()
        return self._primary

    def looks(self) -> dict[str, Look]:
        """Of all replicas. One caller a second looks; the others take what was seen last."""
        oldest = min(look.at for look in self._looks.values())
        if time.monotonic() - oldest >= KEEP_SECONDS and self._lock.acquire(blocking=False):
            try:
                self._look_again()
            finally:
                self._lock.release()
        return dict(self._looks)

    def read(self, work: Callable[[str], R]) -> R:
        """`work` with the alias of where to read; with the primary's when a replica breaks off."""
        alias = self.choose()
        if alias != self._primary:
            try:
                with self._breakers[alias].guard() as call:
                    return self._read(alias, work, call)
            except (BreakerOpenError, _BrokeOffError):
                pass
        CHOSEN.labels("primary").inc()
        return work(self._primary)

    def _read(self, alias: str, work: Callable[[str], R], call: Guard) -> R:
        CHOSEN.labels(alias).inc()
        try:
            return work(alias)
        except _FAILED as error:
            reason = _reason_of(error)
            if not reason:
                raise
            connections[alias].close()
            if reason == "away":
                call.fail()
                self._see(alias, Look(time.monotonic(), trouble="away"), error)
            FALLBACKS.labels(reason).inc()
            raise _BrokeOffError from error

    def _look_again(self) -> None:
        try:
            written, now = _row(self._primary, _PRIMARY)
        except _FAILED:  # whoever reads there will be told
            for alias in self._looks:
                self._see(alias, Look(time.monotonic(), trouble="unknown"))
            return
        for alias, breaker in self._breakers.items():
            try:
                with breaker.guard() as call:
                    self._see(alias, self._look_at(alias, written, now, call))
            except BreakerOpenError:
                self._see(alias, Look(time.monotonic(), trouble="away"))

    def _look_at(self, alias: str, written: Any, now: Any, call: Guard) -> Look:
        try:
            in_recovery, replayed, stamp = _row(alias, _REPLICA)
        except _FAILED as error:
            connections[alias].close()
            call.fail()
            logger.info("replica_does_not_answer", replica=alias, error=type(error).__name__)
            return Look(time.monotonic(), trouble="away")
        if not in_recovery:
            return Look(time.monotonic(), trouble="promoted")
        if replayed >= written:
            return Look(time.monotonic(), 0.0)
        lag = None if stamp is None else float(max(0, now - stamp))
        fits = lag is not None and lag <= self._max_lag
        return Look(time.monotonic(), lag, "" if fits else "lag")

    def _see(self, alias: str, look: Look, error: Exception | None = None) -> None:
        before, self._looks[alias] = self._looks[alias], look
        if before.trouble == look.trouble:
            return
        if look.trouble:
            cause = type(error).__name__ if error else ""
            logger.warning("replica_not_read", replica=alias, reason=look.trouble, error=cause)
        else:
            logger.info("replica_read", replica=alias)


def read_aged(work: Callable[[str], R], *, by: object = None) -> R:
    """`work(alias)`, which only reads and may see the state of some seconds ago. It is called again
    with the primary's alias when a replica breaks off. `by` is who asks: she finds what she wrote.
    """
    if _is_for_primary(by):
        return work(DEFAULT_DB_ALIAS)
    return replicas().read(work)


def analytics(*, by: object = None) -> str:
    """The alias alone, for rows that are handed out while they are read: none can begin anew."""
    if _is_for_primary(by):
        return DEFAULT_DB_ALIAS
    alias = replicas().choose()
    CHOSEN.labels("primary" if alias == DEFAULT_DB_ALIAS else alias).inc()
    return alias


def _is_for_primary(by: object) -> bool:
    if not settings.DATABASE_REPLICAS:
        return True
    if by is None or not wrote_lately(by):
        return False
    FALLBACKS.labels("wrote").inc()
    return True


@lru_cache(maxsize=1)
def replicas() -> Replicas:
    """Of the settings."""
    return Replicas(tuple(settings.DATABASE_REPLICAS), max_lag=settings.DATABASE_REPLICA_MAX_LAG)


class Router:
    """For what names no database: always the primary, also for objects that a replica gave."""

    def db_for_read(self, model: type, **hints: Any) -> str:
        del model, hints
        return DEFAULT_DB_ALIAS

    def db_for_write(self, model: type, **hints: Any) -> str:
        del model, hints
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: object, other: object, **hints: Any) -> bool:
        """They are the same rows."""
        del one, other, hints
        return True

    def allow_migrate(self, alias: str, label: str, **hints: Any) -> bool:
        del label, hints
        return alias not in settings.DATABASE_REPLICAS


@gauge("rallypoint_replica_lag_seconds", "How far replicas are behind.", labels=("replica",))
def lags() -> dict[tuple[str, ...], float]:
    """Of those whose lag is known; the others are in `rallypoint_breakers`, or were promoted."""
    seen = replicas().looks() if settings.DATABASE_REPLICAS else {}
    return {(alias,): look.lag for alias, look in seen.items() if look.lag is not None}


def _row(alias: str, statement: str) -> tuple[Any, ...]:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement)
        row: tuple[Any, ...] = cursor.fetchone()
    return row


def _reason_of(error: Exception) -> str:
    """Why a replica broke off; empty when the primary would say the same: a statement that takes
    too long takes as long there."""
    state = getattr(error.__cause__, "sqlstate", None)
    if state == _CONFLICT:
        return "conflict"
    return "away" if state is None or state.startswith(_GONE) else ""


def _forget(*, setting: str, **_: Any) -> None:
    if setting in {"DATABASE_REPLICAS", "DATABASE_REPLICA_MAX_LAG"}:
        replicas.cache_clear()


setting_changed.connect(_forget, dispatch_uid="rallypoint.replicas")
