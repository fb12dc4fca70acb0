"""What Redis keeps of a database, once that database is another one."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string
from redis import Redis
from redis.exceptions import RedisError

from monitoring.backups.errors import BackupError
from monitoring.redis import durable, evictable

_AT_ONCE = 500
# Kept answers and values with the generations of their tags, and Django's cache. By name, and never
# FLUSHDB: others may live there, and where CACHE_URL is REDIS_URL so do clicks.
_KEPT = ("rallypoint:tag:*", "rallypoint:responses:*", "rallypoint:cache:*", "rallypoint:1:*")
_FINDINGS = "rallypoint:proofs"


def make_fresh() -> list[str]:
    """What each app does after a restore, in sentences."""
    try:
        return [import_string(path)() for path in settings.RESTORED_INSTANCE]
    except (OSError, RedisError) as error:
        raise BackupError(
            f"The database is restored, and Redis did not answer ({type(error).__name__}): what it "
            "keeps is of the old one. When it is back: manage.py restore --refresh"
        ) from None


def forget_kept() -> str:
    redis = evictable()
    forgotten = sum(remove(redis, keys) for keys in _KEPT)
    durable().delete(_FINDINGS)
    return f"{forgotten:,} kept answers and values were forgotten."


def remove(redis: Redis, pattern: str) -> int:
    return sum(int(answer) for answer in _removed(redis, pattern))


def _removed(redis: Redis, pattern: str) -> Iterator[Any]:
    batch: list[bytes] = []
    for key in redis.scan_iter(match=pattern, count=_AT_ONCE):
        batch.append(key)
        if len(batch) == _AT_ONCE:
            yield redis.unlink(*batch)
            batch = []
    if batch:
        yield redis.unlink(*batch)
