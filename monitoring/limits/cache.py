"""Where django-ratelimit counts: a cache of counters, which it makes by `add` and then `incr`.

`add` does both in one call: django-redis would ask twice, and lose the count of a Redis that is
away. The settings name this class (CACHES, RATELIMIT_USE_CACHE).
"""

import os
from functools import lru_cache
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

from monitoring.limits.counting import Counter, Counters
from monitoring.limits.rates import PREFIX


class CounterCache(BaseCache):
    """Knows `add`, `incr` and `get` in the order in which django-ratelimit calls them: each thread
    has an object of its own, and remembers the last count for the call that follows."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._location = location
        self._processes = int(params.get("OPTIONS", {}).get("processes", 1))
        self._last: tuple[str, int] = ("", 0)

    def add(
        self,
        key: str,
        value: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> bool:
        """Adds `value` to the counter; True when it was the first."""
        del version
        counter = Counter(f"{PREFIX}{key}", int(timeout or self.default_timeout or 0), int(value))
        (count,) = _counters(os.getpid(), self._location, self._processes).add([counter])
        self._last = key, count
        return count == int(value)

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """What `add` has made of it."""
        del delta, version
        return self._count(key)

    def get(self, key: str, default: Any = None, version: int | None = None) -> int:
        """What `add` has found, when it added 0."""
        del default, version
        return self._count(key)

    def _count(self, key: str) -> int:
        last, count = self._last
        if last != key:
            raise ValueError("Counters are added to before they are asked for.")
        return count


@lru_cache(maxsize=4)
def _counters(_pid: int, location: str, processes: int) -> Counters:
    """Of the process: its threads share the connections, and what is counted in memory."""
    return Counters(location, processes=processes)
