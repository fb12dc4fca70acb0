"""The two Redis databases, as the settings give them: the durable one (streams, broker, counters
that matter) and the one whose content may go at any time."""

import os
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from redis import Redis

from monitoring.breakers.redis import guarded


def durable() -> Redis:
    """One client, and so one pool of connections, for each process."""
    return _client(os.getpid(), settings.REDIS_URL, "redis")


def evictable() -> Redis:
    return _client(os.getpid(), settings.CACHE_URL, "cache")


@lru_cache(maxsize=2)
def _client(_pid: int, url: str, breaker: str) -> Redis:
    """Keyed by process: a pool inherited over a fork would share its sockets with the parent."""
    return guarded(url, breaker=breaker)


def _forget(*, setting: str, **_: Any) -> None:
    if setting in {"REDIS_URL", "CACHE_URL"}:
        _client.cache_clear()


setting_changed.connect(_forget, dispatch_uid="rallypoint.redis")
