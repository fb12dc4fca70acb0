"""Tiers, the windows they are counted in, and what a refused caller is told. Imports no Django.

A window is fixed, and it begins at another moment for each caller, so that they do not all come
back together. Windows and keys are those of django-ratelimit 4: what a thread counts through it
and what the event loop counts here are one count. So nobody passes more often than `limit` in a
window, and up to twice as often in a time of that length which lies across two.
"""

import re
import zlib
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import NamedTuple

_RATE = re.compile(r"([1-9][0-9]*)/([0-9]*)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
# django-ratelimit's, too: clocks of two machines may differ a little.
_LONGER = 5
PREFIX = "rallypoint:"


class Rate(NamedTuple):
    tier: str
    limit: int
    seconds: int

    @property
    def lives(self) -> int:
        """Seconds after which its counters may go."""
        return self.seconds + _LONGER


class Usage(NamedTuple):
    """What a caller has used of a tier, this time too; `wait`: seconds until the window ends."""

    rate: Rate
    used: int
    wait: int

    @property
    def is_over(self) -> bool:
        return self.used > self.rate.limit

    @property
    def remaining(self) -> int:
        return max(0, self.rate.limit - self.used)


def parse_rate(tier: str, text: str) -> Rate:
    """`20/5m`: twenty in five minutes. ValueError when it is no rate."""
    found = _RATE.fullmatch(text)
    if found is None or not (seconds := int(found[2] or 1) * _SECONDS[found[3]]):
        raise ValueError(f"{text!r} is no rate.")
    return Rate(tier, int(found[1]), seconds)


def parse_rates(rates: Mapping[str, str]) -> dict[str, Rate]:
    return {tier: parse_rate(tier, text) for tier, text in rates.items()}


def value_of(caller: str) -> str:
    """The caller in a key: django-ratelimit joins its parts without a mark between them."""
    return f"|{caller}|"


def window_of(rate: Rate, caller: str, now: float) -> int:
    """The second with which the caller's present window ends, in Unix time."""
    second, seconds = int(now), rate.seconds
    if seconds == 1:
        return second
    last = second - second % seconds + zlib.crc32(value_of(caller).encode()) % seconds
    return last if last >= second else last + seconds


def key_of(rate: Rate, caller: str, window: int) -> str:
    """Hashed: no address may be read from what Redis holds."""
    parts = f"{rate.tier}{rate.limit}/{rate.seconds}s{value_of(caller)}{window}"
    return f"{PREFIX}rl:{sha256(parts.encode()).hexdigest()}"


def wait_until(window: int, now: float) -> int:
    """Seconds: until the window's last one is over."""
    return window + 1 - int(now)


def fields(usages: Iterable[Usage]) -> dict[str, str]:
    """The fields of draft-ietf-httpapi-ratelimit-headers-10, a member for each tier."""
    counted = list(usages)
    policies = (f'"{rate.tier}";q={rate.limit};w={rate.seconds}' for rate, _, _ in counted)
    left = (f'"{one.rate.tier}";r={one.remaining};t={one.wait}' for one in counted)
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(left)}


def refusal(over: Usage) -> str:
    """What whoever is over is told, in every door."""
    return f"Too many requests. Try again in {over.wait} s."
