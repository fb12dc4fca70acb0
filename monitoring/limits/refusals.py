"""Who is being limited now: a metric by tier, and a short list in Redis for operators.

The list names people, keys and masked networks, never an address; it forgets them when their window
ends, and keeps MOST at once. A process tells Redis once a second at most. Imports no Django.
"""

import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from prometheus_client import Counter as Metric
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from monitoring.limits.networks import masked

MOST = 200
TELL_AFTER = 1.0
_MOST_UNTOLD = 500
_LONGEST = 86_400

REFUSED = Metric("rallypoint_rate_limited", "Requests and messages refused, by tier.", ["tier"])

# KEYS: when each is forgotten, how often each was refused. ARGV: now, MOST, the seconds that all
# of it lives, then for each: its name, refusals, and until when.
SCRIPT = """
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
for i = 4, #ARGV, 3 do
  redis.call('HINCRBY', KEYS[2], ARGV[i], ARGV[i + 1])
  redis.call('ZADD', KEYS[1], 'GT', ARGV[i + 2], ARGV[i])
end
local extra = redis.call('ZCARD', KEYS[1]) - #gone - tonumber(ARGV[2])
if extra > 0 then
  local counts = redis.call('HGETALL', KEYS[2])
  local names = {}
  for i = 1, #counts, 2 do names[#names + 1] = {counts[i], tonumber(counts[i + 1])} end
  table.sort(names, function(a, b) return a[2] < b[2] end)
  for i = 1, math.min(extra, #names) do gone[#gone + 1] = names[i][1] end
end
if #gone > 0 then
  redis.call('ZREM', KEYS[1], unpack(gone))
  redis.call('HDEL', KEYS[2], unpack(gone))
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
"""
# One hash tag: both are one place of a cluster.
KEYS = ["rallypoint:{limited}:until", "rallypoint:{limited}:count"]


class Refused(NamedTuple):
    """`until` is Unix time, in seconds."""

    tier: str
    caller: str
    times: int
    until: int


class Refusals:
    """What one process has refused and not told Redis yet; what does not fit is only counted in
    the metric."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._untold: dict[tuple[str, str], tuple[int, int]] = {}
        self._told_at = 0.0

    def note(self, tier: str, caller: str, wait: int, times: int = 1) -> None:
        """`wait`: seconds until the caller's window ends."""
        REFUSED.labels(tier).inc(times)
        who, until = (tier, masked(caller)), int(time.time()) + wait
        with self._lock:
            count, ends = self._untold.get(who, (0, 0))
            if count or len(self._untold) < _MOST_UNTOLD:
                self._untold[who] = count + times, max(until, ends)

    def take(self) -> list[Refused]:
        """What is to be told now; nothing until TELL_AFTER has passed."""
        now = time.monotonic()
        with self._lock:
            if not self._untold or now - self._told_at < TELL_AFTER:
                return []
            self._told_at = now
            untold, self._untold = self._untold, {}
        return [Refused(*who, *numbers) for who, numbers in untold.items()]


def tell(redis: Redis, refused: Sequence[Refused]) -> None:
    """Errors of Redis pass through."""
    if refused:
        redis.eval(SCRIPT, len(KEYS), *KEYS, *_arguments(refused))


async def tell_later(redis: "AsyncRedis", refused: Sequence[Refused]) -> None:
    """The same for the event loop."""
    if refused:
        told: Any = redis.eval(SCRIPT, len(KEYS), *KEYS, *_arguments(refused))
        await told


def limited_now(redis: Redis) -> list[Refused]:
    """Those whose window goes on, who was refused most often first."""
    with redis.pipeline() as pipeline:
        pipeline.zrangebyscore(KEYS[0], int(time.time()) + 1, "+inf", withscores=True)
        pipeline.hgetall(KEYS[1])
        ends, counts = pipeline.execute()
    found = [Refused(*_read(name), int(counts.get(name, 0)), int(until)) for name, until in ends]
    return sorted(found, key=lambda one: (-one.times, one.tier, one.caller))


def _arguments(refused: Sequence[Refused]) -> list[Any]:
    each = [
        item
        for tier, caller, times, until in refused
        for item in (msgspec.json.encode([tier, caller]), times, until)
    ]
    return [int(time.time()), MOST, _LONGEST, *each]


def _read(name: bytes) -> tuple[str, str]:
    return msgspec.json.decode(name, type=tuple[str, str])
