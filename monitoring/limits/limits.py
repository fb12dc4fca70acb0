"""The limits of the event loop. Imports no Django."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from monitoring.limits.counting import AsyncCounters, Counter
from monitoring.limits.rates import (
    Rate,
    Usage,
    key_of,
    parse_rates,
    wait_until,
    window_of,
)


class Asked(NamedTuple):
    """`caller` wants to do `by` of what the tier counts; 0 only looks."""

    tier: str
    caller: str
    by: int = 1


class Limits:
    """`rates` as the settings have them; what is asked of other tiers is not limited."""

    def __init__(self, redis_url: str, rates: Mapping[str, str], *, processes: int = 1) -> None:
        self._rates = parse_rates(rates)
        self._counters = AsyncCounters(redis_url, processes=processes)

    def rate(self, tier: str) -> Rate | None:
        return self._rates.get(tier)

    async def count(self, *asked: Asked) -> list[Usage | None]:
        """All of it in one call, and None where there is no such tier. Never fails."""
        now = time.time()
        rates = [self._rates.get(one.tier) for one in asked]
        windows = [
            window_of(rate, one.caller, now) if rate else 0
            for rate, one in zip(rates, asked, strict=True)
        ]
        plan = zip(rates, asked, windows, strict=True)
        counters = [
            Counter(key_of(rate, one.caller, window), rate.lives, one.by)
            for rate, one, window in plan
            if rate
        ]
        counts = iter(await self._counters.add(counters) if counters else ())
        return [
            Usage(rate, next(counts), wait_until(window, now)) if rate else None
            for rate, window in zip(rates, windows, strict=True)
        ]

    async def close(self) -> None:
        await self._counters.close()
