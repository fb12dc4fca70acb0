"""Where values are kept: the Redis of Django's cache (django-redis), asked with one round trip for
any number of values and tags. While it is away nobody waits for it."""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import structlog
from django_redis import get_redis_connection
from redis import Redis
from redis.exceptions import LockError, RedisError
from redis.lock import Lock

from monitoring.cache.entries import Entry, pack, unpack
from monitoring.responses.generations import TAG_SECONDS, new_generation, tag_key

logger = structlog.get_logger("rallypoint.cache")

PAUSE = 1.0
# Who computes longer than this is thought dead, and another one begins.
LOCK_SECONDS = 10.0

_AWAY = (OSError, RedisError)


class Looked(NamedTuple):
    """What was found for each key, and the generation of each tag as it is now."""

    entries: list[Entry | None]
    generations: dict[str, bytes]

    def under(self, tags: Iterable[str]) -> list[bytes]:
        return [self.generations[tag] for tag in tags]


class Store:
    def __init__(self) -> None:
        self._away_until = 0.0

    def look(self, keys: Sequence[str], tags: Iterable[str] = ()) -> Looked | None:
        """None while Redis is away. A tag without a generation gets one."""
        if time.monotonic() < self._away_until:
            return None
        names = list(dict.fromkeys(tags))
        try:
            with _redis().pipeline(transaction=False) as pipeline:
                pipeline.mget(keys)
                for name in names:
                    pipeline.set(tag_key(name), new_generation(), nx=True, ex=TAG_SECONDS)
                if names:
                    pipeline.mget([tag_key(name) for name in names])
                answers = pipeline.execute()
        except _AWAY as error:
            self._pause(error)
            return None
        found = answers[-1] if names else []
        # A server that evicts while it is asked may have none left: then nothing matches.
        generations = {name: value or b"" for name, value in zip(names, found, strict=True)}
        return Looked([unpack(raw) for raw in answers[0]], generations)

    def put(self, entries: Mapping[str, Entry], *, keep: float) -> None:
        """Each for `keep` seconds after its soft end."""
        try:
            with _redis().pipeline(transaction=False) as pipeline:
                for key, entry in entries.items():
                    seconds = max(1, round(entry.until - time.time() + keep))
                    pipeline.set(key, pack(entry), ex=seconds)
                pipeline.execute()
        except _AWAY as error:
            self._pause(error)

    def take(self, key: str) -> Lock | None:
        """The right to compute it; None when another process has it.

        While Redis is away everybody has it: that protects nothing, and stops nobody.
        """
        lock: Lock = _redis().lock(f"{key}:lock", timeout=LOCK_SECONDS, thread_local=False)
        with suppress(*_AWAY):
            return lock if lock.acquire(blocking=False) else None
        return lock

    def give_back(self, lock: Lock) -> None:
        with suppress(LockError, *_AWAY):  # it was never ours, or is another one's by now
            lock.release()

    def _pause(self, error: Exception) -> None:
        self._away_until = time.monotonic() + PAUSE
        logger.warning("cache_away", error=type(error).__name__)


def _redis() -> Redis:
    found: Redis = get_redis_connection("default")
    return found


store = Store()
