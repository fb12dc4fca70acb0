"""A Redis client for threads with a breaker around each round trip. Imports no Django.

While Redis is away every caller would pay the time-out again; so after a few of them all others get
a ConnectionError at once, as from a closed port. There is no limit for slow calls: the time-out is
one, and what takes longer is a failure.

One public answer asks the evictable Redis from four places, each with a time-out of its own, and
can do without any of them: there one failure is enough (`monitoring.breakers.outage`).
"""

from math import inf
from threading import Lock
from typing import Any

from redis import ConnectionError as RedisConnectionError
from redis import ConnectionPool, Redis
from redis import TimeoutError as RedisTimeoutError
from redis.client import Pipeline

from monitoring.breakers.breaker import Breaker, BreakerOpenError, Limits
from monitoring.breakers.family import Breakers
from monitoring.breakers.outage import Outage
from monitoring.redis_clients import synchronous

_KNOCK_TIMEOUT = 0.25
LIMITS = Limits(minimum=4, open_seconds=1.0, probe_seconds=5.0)
# Only its outage opens it, and ends that: nobody else would tell those who do not ask through it.
_NEVER = Limits(failure_rate=inf, slow_rate=inf)
_AWAY = (RedisConnectionError, RedisTimeoutError, OSError)
_families = {
    name: Breakers(name, limits, failures=_AWAY)
    for name, limits in (("redis", LIMITS), ("cache", _NEVER))
}
_outages: dict[tuple[Any, ...], Outage] = {}
_lock = Lock()


class RedisNotAskedError(RedisConnectionError):
    """For callers who know what to do when Redis is away."""


class GuardedRedis(Redis):
    """`breaker` is "redis" for the durable one, "cache" for what may be evicted."""

    def __init__(self, *args: Any, breaker: str = "redis", **options: Any) -> None:
        super().__init__(*args, **options)
        self.use(breaker)

    def use(self, breaker: str) -> None:
        self._breaker = _families[breaker].of(_place(self))
        self.outage = _outage_of(self, self._breaker) if breaker == "cache" else None

    def execute_command(self, *args: Any, **options: Any) -> Any:
        call = super().execute_command
        return _guarded(self._breaker, self.outage, call, *args, **options)

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> "GuardedPipeline":  # noqa: FBT001, FBT002
        made = GuardedPipeline(
            self.connection_pool, self.response_callbacks, transaction, shard_hint
        )
        made.breaker, made.outage = self._breaker, self.outage
        return made


class GuardedPipeline(Pipeline):
    breaker: Breaker
    outage: Outage | None

    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002
        found: list[Any] = _guarded(self.breaker, self.outage, super().execute, raise_on_error)
        return found


def guarded(url: str, *, breaker: str) -> GuardedRedis:
    client = synchronous(url, client_class=GuardedRedis)
    assert isinstance(client, GuardedRedis)  # noqa: S101 - for the type checker
    client.use(breaker)
    return client


def cache_outage(url: str) -> Outage:
    """For those who ask the evictable Redis by other clients."""
    outage = guarded(url, breaker="cache").outage
    assert outage  # noqa: S101 - it is the cache's
    return outage


def _outage_of(client: Redis, breaker: Breaker) -> Outage:
    place = _place(client)
    with _lock:
        if place not in _outages:
            _outages[place] = Outage(breaker, _knocker(client))
        return _outages[place]


def _knocker(client: Redis) -> Redis:
    """With a pool of its own: those who work may have taken all connections of theirs."""
    pool = client.connection_pool
    options = pool.connection_kwargs | {
        "socket_timeout": _KNOCK_TIMEOUT,
        "socket_connect_timeout": _KNOCK_TIMEOUT,
    }
    # rule: timeout - the pool has them
    return Redis(connection_pool=ConnectionPool(pool.connection_class, **options))


def _guarded(breaker: Breaker, outage: Outage | None, call: Any, *args: Any, **options: Any) -> Any:
    try:
        with breaker.guard():
            answer = call(*args, **options)
    except BreakerOpenError as error:
        raise RedisNotAskedError(str(error)) from None
    except _AWAY as error:
        if outage:
            outage.begin(error)
        raise
    if outage:
        outage.note_answer()
    return answer


def _place(client: Redis) -> tuple[Any, ...]:
    """One server is one breaker, whichever of its databases is asked."""
    where = client.connection_pool.connection_kwargs
    return where.get("path"), where.get("host"), where.get("port"), where.get("sentinels")
