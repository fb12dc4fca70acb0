"""The durable Redis (streams, broker, counters that matter), as the settings give it."""

import os
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from redis import Redis

from monitoring.redis_clients import synchronous


def durable() -> Redis:
    """One client, and so one pool of connections, for each process."""
    return _client(os.getpid())


@lru_cache(maxsize=1)
def _client(_pid: int) -> Redis:
    """Keyed by process: a pool inherited over a fork would share its sockets with the parent."""
    return synchronous(settings.REDIS_URL)


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "REDIS_URL":
        _client.cache_clear()


setting_changed.connect(_forget, dispatch_uid="rallypoint.redis")
