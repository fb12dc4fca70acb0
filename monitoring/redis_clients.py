"""Redis clients whose every time-out is stated. Imports no Django.

redis-py retries ten times unless it is told not to: a closed port then costs seconds, and a
stall can store one entry twice. Here a call fails fast, and the caller decides.
"""

import asyncio
from typing import Any

from redis import Redis
from redis.asyncio import BlockingConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig

from monitoring.redis_sentinel import resolved

CONNECT_TIMEOUT = 0.25
TIMEOUT = 0.5
MAX_CONNECTIONS = 200
POOL_TIMEOUT = 1.0
# redis-py's words for a server that is away; RuntimeError is uvloop's for a reset connection.
AWAY = (OSError, RedisError, RuntimeError, asyncio.TimeoutError)


def synchronous(
    url: str,
    *,
    timeout: float = TIMEOUT,
    connect_timeout: float = CONNECT_TIMEOUT,
    client_class: type[Redis] = Redis,
) -> "Redis":
    options = _options(timeout, connect_timeout, MAX_CONNECTIONS)
    address, more = resolved(url)
    client: Redis = client_class.from_url(address, **options, **more)
    return client


def asynchronous(
    url: str,
    *,
    timeout: float | None = TIMEOUT,
    connect_timeout: float = CONNECT_TIMEOUT,
    max_connections: int = MAX_CONNECTIONS,
) -> "AsyncRedis":
    """`timeout=None` is for those who look at the clock themselves, and for subscribers, who
    rightly wait for ever.

    Whoever finds all connections taken waits for one, up to POOL_TIMEOUT or a limit of their own.
    """
    address, more = resolved(url, asynchronous=True)
    pool = BlockingConnectionPool.from_url(
        address,
        **_options(timeout, connect_timeout, max_connections),
        **more,
        timeout=POOL_TIMEOUT,
        # With these, redis-py gives out pooled connections without a look at whether they live.
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
    return AsyncRedis.from_pool(pool)


def _options(timeout: float | None, connect_timeout: float, max_connections: int) -> dict[str, Any]:
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": connect_timeout,
        "socket_keepalive": True,
        "health_check_interval": 0,
        "max_connections": max_connections,
        "retry": None,
        "client_name": "rallypoint",
    }
