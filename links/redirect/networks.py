"""How many clicks one network may make, judged for a whole batch at once.

The networks of a batch are counted by the very call that stores it: one script adds them up and,
when nobody is over, writes the entry. Only a batch with somebody over needs a second call, without
her clicks. Whoever was over is remembered until her window ends, and costs nothing any more.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha1
from typing import NamedTuple

from links.redirect.click import FIELD
from monitoring.limits import counting, networks
from monitoring.limits.counting import MemoryCounters
from monitoring.limits.rates import (
    Rate,
    Usage,
    fields,
    key_of,
    parse_rate,
    refusal,
    wait_until,
    window_of,
)
from monitoring.limits.refusals import Refusals
from monitoring.proxies import Network

TIER = "redirect"
# Not counted: its address is exempt, or nobody knows it.
NOBODY = ""
_MOST_REMEMBERED = 10_000

# KEYS: the streams, and the counters. ARGV: how many streams, the entries' field, the limit, the
# seconds that a counter lives, each stream's payload, then by how much each counter grows. The
# entries are written when none is over.
COUNT_AND_ADD = """
local streams = tonumber(ARGV[1])
local counts, over = {}, false
for i = streams + 1, #KEYS do
  local by = tonumber(ARGV[i + 4])
  local count = redis.call('INCRBY', KEYS[i], by)
  if count == by then redis.call('EXPIRE', KEYS[i], ARGV[4]) end
  if count > tonumber(ARGV[3]) then over = true end
  counts[i - streams] = count
end
if not over then
  for i = 1, streams do redis.call('XADD', KEYS[i], '*', ARGV[2], ARGV[i + 4]) end
end
return counts
"""
COUNT_AND_ADD_SHA = sha1(COUNT_AND_ADD.encode(), usedforsecurity=False).hexdigest()


class Tally(NamedTuple):
    """A batch's clicks by network, and the counters that they belong to, in the same order."""

    rate: Rate
    clicks: dict[str, int]
    windows: list[int]
    keys: list[str]

    def arguments(self, entries: Mapping[str, bytes]) -> list[object]:
        """Of COUNT_AND_ADD, the number of keys first; `entries` are payloads by their streams."""
        keys = [*entries, *self.keys]
        fixed = (len(entries), FIELD, self.rate.limit, self.rate.lives)
        return [len(keys), *keys, *fixed, *entries.values(), *self.clicks.values()]


class NetworkGate:
    """`rate` is a rate of the settings; `processes` share it while Redis is away."""

    def __init__(self, rate: str, *, processes: int = 1, exempt: Iterable[Network] = ()) -> None:
        self.rate = parse_rate(TIER, rate)
        self.refusals = Refusals()
        self._memory, self._processes = MemoryCounters(processes), processes
        self._exempt = tuple(exempt)
        # Until when they are over, in Unix time.
        self._over: dict[str, int] = {}
        self.network_of = lru_cache(maxsize=4096)(self._network_of)
        # Where they are counted: until when, and under which key.
        self._places: dict[str, tuple[int, str]] = {}

    def _network_of(self, address: str) -> str:
        if not address or networks.is_exempt(address, self._exempt):
            return NOBODY
        network = networks.network_of(address)
        return NOBODY if network == networks.UNKNOWN else network

    def wait_of(self, network: str) -> int:
        """Seconds, when she is known to be over; the refusal is noted."""
        if (ends := self._over.get(network)) is None:
            return 0
        now = time.time()
        if int(now) > ends:
            del self._over[network]
            return 0
        wait = wait_until(ends, now)
        self.refusals.note(TIER, network, wait)
        return wait

    def tally(self, callers: Sequence[str]) -> Tally | None:
        """None when nobody of them is to be counted."""
        clicks = Counter(callers)
        clicks.pop(NOBODY, None)
        if not clicks:
            return None
        now = int(time.time())
        windows, keys = [], []
        for network in clicks:
            place = self._places.get(network)
            if place is None or place[0] < now:
                place = self._place(network, now)
            windows.append(place[0])
            keys.append(place[1])
        return Tally(self.rate, clicks, windows, keys)

    def _place(self, network: str, now: int) -> tuple[int, str]:
        if len(self._places) >= _MOST_REMEMBERED:
            del self._places[next(iter(self._places))]
        window = window_of(self.rate, network, now)
        self._places[network] = place = window, key_of(self.rate, network, window)
        return place

    def judge_here(self, tally: Tally, callers: Sequence[str]) -> list[int]:
        """While Redis is away: each click counts for all processes."""
        counts = self._memory.add([
            counting.Counter(key, self.rate.lives, by)
            for key, by in zip(tally.keys, tally.clicks.values(), strict=True)
        ])  # fmt: skip
        return self.judge(tally, counts, callers, each=self._processes)

    def judge(
        self, tally: Tally, counts: Sequence[int], callers: Sequence[str], *, each: int = 1
    ) -> list[int]:
        """Seconds that each of them has to wait, in their order, 0 for those who pass; nothing when
        all of them do. Of a network that goes over within the batch, the first
        clicks still do; a click has added `each` to its count."""
        if max(counts) <= self.rate.limit:
            return []
        now = time.time()
        room, waits = {}, {}
        numbered = zip(tally.clicks.items(), tally.windows, counts, strict=True)
        for (network, clicks), window, count in numbered:
            room[network] = clicks - max(0, -(-(count - self.rate.limit) // each))
            waits[network] = wait_until(window, now)
            if count > self.rate.limit:
                self._remember(network, window)
        return [self._wait(network, room, waits) for network in callers]

    def _wait(self, network: str, room: dict[str, int], waits: dict[str, int]) -> int:
        if network == NOBODY or room[network] > 0:
            room[network] = room.get(network, 0) - 1
            return 0
        self.refusals.note(TIER, network, waits[network])
        return waits[network]

    def _remember(self, network: str, ends: int) -> None:
        if len(self._over) >= _MOST_REMEMBERED:
            del self._over[next(iter(self._over))]
        self._over[network] = ends

    def refusal(self, wait: int) -> tuple[str, list[tuple[bytes, bytes]]]:
        """What whoever is over is told: a sentence and the RateLimit fields."""
        usage = Usage(self.rate, self.rate.limit + 1, wait)
        pairs = fields([usage]).items()
        return refusal(usage), [(name.lower().encode(), value.encode()) for name, value in pairs]
