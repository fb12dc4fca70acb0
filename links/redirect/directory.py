"""Where a slug's target is found: this process's memory, then Redis, then PostgreSQL.

Memory is kept true by Redis pub/sub (see links.events) and, should a message be lost, by a short
time to live. When neither store answers, an entry past its time is better than no redirect.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
import structlog
from redis.asyncio import Redis

from links.redirect import target as targets
from links.redirect.availability import FAILURES, Availability
from links.redirect.target import Target

log = structlog.get_logger(__name__)

FRESH_SECONDS = 10.0
MAX_ENTRIES = 50_000
LOOKUP_TIMEOUT = 0.1
CACHE_PREFIX = "rallypoint:link:"
CACHE_SECONDS = 3600
CHANNEL = "rallypoint:links:changed"

# Stores a target unless a newer version, or the news of one, is there already. A reader that
# loaded a row just before it changed can therefore not put it back.
# KEYS: the link's hash. ARGV: version, data ("" for the bare news), seconds to live.
STORE_UNLESS_OLDER = """
local known = tonumber(redis.call('HGET', KEYS[1], 'v') or '0')
local version = tonumber(ARGV[1])
if version < known then return 0 end
if ARGV[2] == '' then
  if version > known then redis.call('HDEL', KEYS[1], 'd') end
  redis.call('HSET', KEYS[1], 'v', version)
else
  redis.call('HSET', KEYS[1], 'v', version, 'd', ARGV[2])
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""

# Reads one row by domain and slug key.
Load = Callable[[str, str], Awaitable[Target | None]]


class Unreachable(Exception):  # noqa: N818 - a state of the world, not a mistake
    """Neither memory, nor Redis, nor PostgreSQL can say whether the link exists."""


class Entry(NamedTuple):
    """`prepared` is what was made of the target in advance, where every visitor gets the same."""

    target: Target | None
    fresh_until: float
    prepared: Any = None


class Directory:
    """Targets by (domain, slug key), for one event loop. None stands for "no such link"."""

    def __init__(
        self,
        redis: Redis,
        load: Load,
        availability: Availability,
        prepare: Callable[[Target], Any],
    ) -> None:
        self._redis = redis
        self._load = load
        self._prepare = prepare
        self._availability = availability
        self._store = redis.register_script(STORE_UNLESS_OLDER)
        self._entries: dict[tuple[str, str], Entry] = {}
        self._flights: dict[tuple[str, str], asyncio.Task[Target | None]] = {}

    def remembered(self, address: tuple[str, str]) -> Entry | None:
        """The entry when it is fresh: the whole lookup, for all but a few requests a second."""
        entry = self._entries.get(address)
        return entry if entry is not None and entry.fresh_until > time.monotonic() else None

    async def find(self, address: tuple[str, str]) -> Target | None:
        """The target or None; Unreachable when nobody can tell. One lookup an address at a time."""
        flight = self._flights.get(address)
        if flight is None:
            flight = asyncio.get_running_loop().create_task(self._fetch(address))
            self._flights[address] = flight
        # Shielded: the first asker may hang up while others wait for the same answer.
        return await asyncio.shield(flight)

    def forget(self, address: tuple[str, str]) -> None:
        self._entries.pop(address, None)
        # What is being fetched may be the old row: its askers get it, nobody remembers it.
        self._flights.pop(address, None)

    def forget_all(self) -> None:
        """After a time without news from Redis, any entry may be out of date."""
        for address, entry in self._entries.items():
            self._entries[address] = entry._replace(fresh_until=0.0)
        self._flights.clear()

    async def _fetch(self, address: tuple[str, str]) -> Target | None:
        flight = asyncio.current_task()
        try:
            target = await self._from_redis(address) or await self._from_database(address)
        except Unreachable:
            if (stale := self._entries.get(address)) is None:
                raise
            target = stale.target
        finally:
            still_wanted = self._flights.get(address) is flight
            if still_wanted:
                del self._flights[address]
        if still_wanted:
            self._remember(address, target)
        return target

    def _remember(self, address: tuple[str, str], target: Target | None) -> None:
        # Taken out and put back: the order of the dict is then the order of the last refresh,
        # and the first entry is the one that went unused longest.
        self._entries.pop(address, None)
        if len(self._entries) >= MAX_ENTRIES:
            del self._entries[next(iter(self._entries))]
        prepared = self._prepare(target) if target is not None and target.is_plain else None
        self._entries[address] = Entry(target, time.monotonic() + FRESH_SECONDS, prepared)

    async def _from_redis(self, address: tuple[str, str]) -> Target | None:
        if not self._availability.up:
            return None
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT):
                data = await self._redis.hget(cache_key(address), "d")
        except FAILURES:
            self._availability.failed()
            return None
        try:
            return targets.decode(data) if isinstance(data, bytes) else None
        except msgspec.MsgspecError:
            return None  # of another release: PostgreSQL knows better

    async def _from_database(self, address: tuple[str, str]) -> Target | None:
        try:
            target = await self._load(*address)
        except Exception as error:
            log.warning("link_lookup_failed", error=type(error).__name__)
            raise Unreachable from error
        if target is not None:
            await self._to_redis(address, target)
        return target

    async def _to_redis(self, address: tuple[str, str], target: Target) -> None:
        if not self._availability.up:
            return
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT):
                await self._store(
                    keys=[cache_key(address)],
                    args=[target.version, targets.encode(target), CACHE_SECONDS],
                )
        except FAILURES:
            self._availability.failed()


def cache_key(address: tuple[str, str]) -> str:
    domain, slug_key = address
    return f"{CACHE_PREFIX}{domain}/{slug_key}"
