"""Counters that expire: in Redis, shared by all processes, or in memory while Redis is away.

Any number of them is one call, whose cost does not depend on how much was counted before. Redis
runs the script alone, so racing processes see each number once. Imports no Django.
"""

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import structlog

from monitoring.breakers.redis import cache_outage
from monitoring.redis_clients import AWAY, asynchronous, synchronous

log = structlog.get_logger("rallypoint.limits")

# Longer than any healthy answer; a request that is to be counted waits no longer.
TIMEOUT = 0.25
KNOCK_AFTER = 0.5
MOST_REMEMBERED = 20_000

# KEYS: the counters. ARGV: for each, by how much, and the seconds it lives.
SCRIPT = """
local counts = {}
for i, key in ipairs(KEYS) do
  local by = tonumber(ARGV[2 * i - 1])
  counts[i] = redis.call('INCRBY', key, by)
  if counts[i] == by then redis.call('EXPIRE', key, ARGV[2 * i]) end
end
return counts
"""


class Counter(NamedTuple):
    """One to be added to: `by` 0 only looks. `lives`, in seconds, begins with its first number."""

    key: str
    lives: int
    by: int = 1


class Outage:
    """Whether Redis is worth asking, for the event loop. While it is away one caller in KNOCK_AFTER
    seconds asks, and nobody else pays for that."""

    def __init__(self) -> None:
        self._is_away = False
        self._knock_at = 0.0

    def may_ask(self) -> bool:
        if not self._is_away:
            return True
        now = time.monotonic()
        if now < self._knock_at:
            return False
        self._knock_at = now + KNOCK_AFTER
        return True

    def failed(self, error: BaseException) -> None:
        self._knock_at = time.monotonic() + KNOCK_AFTER
        if not self._is_away:
            self._is_away = True
            log.warning("limits_counted_in_memory", error=type(error).__name__)

    def answered(self) -> None:
        if self._is_away:
            self._is_away = False
            log.info("limits_counted_in_redis")


class MemoryCounters:
    """One process's part: what is counted here counts for all `processes`, so that together they
    let through what Redis would. The first of each counter is always just one."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[int, float]] = {}

    def add(self, counters: Sequence[Counter]) -> list[int]:
        now = time.monotonic()
        with self._lock:
            return [self._add(counter, now) for counter in counters]

    def _add(self, counter: Counter, now: float) -> int:
        count, ends = self._counts.get(counter.key, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + counter.lives
            self._make_room(counter.key)
        count += counter.by
        self._counts[counter.key] = count, ends
        return 1 + (count - 1) * self._processes if count else 0

    def _make_room(self, key: str) -> None:
        """The oldest goes: who comes from ever new networks forgets earlier ones, not all."""
        self._counts.pop(key, None)
        if len(self._counts) >= MOST_REMEMBERED:
            del self._counts[next(iter(self._counts))]


class Counters:
    """For threads. Before them and after them others ask the same Redis for the same answer: they
    share what is known of an outage, so that an answer waits for one time-out and not for each."""

    def __init__(self, redis_url: str, *, processes: int = 1) -> None:
        client = synchronous(redis_url, timeout=TIMEOUT, connect_timeout=TIMEOUT)
        self._script = client.register_script(SCRIPT)
        self._outage, self._memory = cache_outage(redis_url), MemoryCounters(processes)

    def add(self, counters: Sequence[Counter]) -> list[int]:
        """What each of them is now."""
        if not self._outage.is_on:
            try:
                counts: Any = self._script(keys=_keys(counters), args=_arguments(counters))
            except AWAY as error:
                self._outage.begin(error)
            else:
                self._outage.note_answer()
                return cast("list[int]", counts)
        return self._memory.add(counters)


class AsyncCounters:
    """For the event loop."""

    def __init__(self, redis_url: str, *, processes: int = 1) -> None:
        self._redis = asynchronous(redis_url, timeout=None, connect_timeout=TIMEOUT)
        self._script = self._redis.register_script(SCRIPT)
        self._outage, self._memory = Outage(), MemoryCounters(processes)

    async def add(self, counters: Sequence[Counter]) -> list[int]:
        """What each of them is now."""
        if self._outage.may_ask():
            try:
                async with asyncio.timeout(TIMEOUT):
                    counts = await self._script(keys=_keys(counters), args=_arguments(counters))
            except AWAY as error:
                self._outage.failed(error)
            else:
                self._outage.answered()
                return cast("list[int]", counts)
        return self._memory.add(counters)

    async def close(self) -> None:
        await self._redis.aclose(close_connection_pool=True)


def _keys(counters: Sequence[Counter]) -> list[str]:
    return [counter.key for counter in counters]


def _arguments(counters: Sequence[Counter]) -> list[int]:
    return [number for counter in counters for number in (counter.by, counter.lives)]
