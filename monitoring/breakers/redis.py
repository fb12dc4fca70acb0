"""A Redis client for threads with a breaker around each round trip. Imports no Django.

While Redis is away every caller would pay the time-out again; so after a few of them all others get
a ConnectionError at once, as from a closed port. There is no limit for slow calls: the time-out is
one, and what takes longer is a failure.
"""

from typing import Any

from redis import ConnectionError as RedisConnectionError
from redis import Redis
from redis import TimeoutError as RedisTimeoutError
from redis.client import Pipeline

from monitoring.breakers.breaker import Breaker, BreakerOpenError, Limits
from monitoring.breakers.family import Breakers
from monitoring.redis_clients import synchronous

LIMITS = Limits(minimum=4, open_seconds=1.0, probe_seconds=5.0)
_AWAY = (RedisConnectionError, RedisTimeoutError, OSError)
_families = {name: Breakers(name, LIMITS, failures=_AWAY) for name in ("redis", "cache")}


class RedisNotAskedError(RedisConnectionError):
    """For callers who know what to do when Redis is away."""


class GuardedRedis(Redis):
    """`breaker` is "redis" for the durable one, "cache" for what may be evicted."""

    def __init__(self, *args: Any, breaker: str = "redis", **options: Any) -> None:
        super().__init__(*args, **options)
        self.use(breaker)

    def use(self, breaker: str) -> None:
        self._breaker = _families[breaker].of(_place(self))

    def execute_command(self, *args: Any, **options: Any) -> Any:
        return _guarded(self._breaker, super().execute_command, *args, **options)

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> "GuardedPipeline":  # noqa: FBT001, FBT002
        made = GuardedPipeline(
            self.connection_pool, self.response_callbacks, transaction, shard_hint
        )
        made.breaker = self._breaker
        return made


class GuardedPipeline(Pipeline):
    breaker: Breaker

    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002
        found: list[Any] = _guarded(self.breaker, super().execute, raise_on_error)
        return found


def guarded(url: str, *, breaker: str) -> GuardedRedis:
    client = synchronous(url, client_class=GuardedRedis)
    assert isinstance(client, GuardedRedis)  # noqa: S101 - for the type checker
    client.use(breaker)
    return client


def _guarded(breaker: Breaker, call: Any, *args: Any, **options: Any) -> Any:
    try:
        with breaker.guard():
            return call(*args, **options)
    except BreakerOpenError as error:
        raise RedisNotAskedError(str(error)) from None


def _place(client: Redis) -> tuple[Any, ...]:
    """One server is one breaker, whichever of its databases is asked."""
    where = client.connection_pool.connection_kwargs
    return where.get("path"), where.get("host"), where.get("port")
