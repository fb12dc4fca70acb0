"""What readers have to know of the copy: since when it is whole, and that it was a moment ago.

Kept in Redis; without it statistics come from PostgreSQL.
"""

from datetime import UTC, date, datetime, timedelta

from redis.exceptions import RedisError

from monitoring.redis import durable

# So old a copy is still read: a few ticks.
FRESH_SECONDS = 60
_FRESH, _WHOLE = "rallypoint:{clickhouse}:fresh", "rallypoint:{clickhouse}:whole"


def keep(since: date, unequal: tuple[date, ...]) -> None:
    """After a comparison of all days from `since` on."""
    whole = max(unequal) + timedelta(days=1) if unequal else since
    redis = durable()
    known = _as_day(redis.get(_WHOLE))
    # Who has looked at some days alone knows nothing of those before them.
    if unequal or known is None or since < known:
        redis.set(_WHOLE, whole.isoformat())
    if whole <= datetime.now(UTC).date():
        redis.set(_FRESH, whole.isoformat(), ex=FRESH_SECONDS)
    else:
        redis.delete(_FRESH)


def whole_since() -> date | None:
    """The first day from which on all clicks are there; None while today's may be missing."""
    try:
        fresh, whole = durable().mget([_FRESH, _WHOLE])
    except RedisError:
        return None
    return _as_day(whole) if fresh else None


def _as_day(raw: object) -> date | None:
    return date.fromisoformat(raw.decode()) if isinstance(raw, bytes) else None
