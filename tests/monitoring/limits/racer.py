"""One of several processes that count at one time: `racer LIMIT TIMES`, for the callers of its
standard input, through django-ratelimit and by the event loop in turn. Prints how often it passed.
"""

import asyncio
import os
import sys
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.test import RequestFactory  # noqa: E402

from accounts import throttling  # noqa: E402
from monitoring.limits import counting  # noqa: E402
from monitoring.limits.limits import Asked, Limits  # noqa: E402
from monitoring.wire.problem import Problem  # noqa: E402

TIER = "general"
# A racer that waits for its turn on a loaded machine would take Redis for dead and count in memory,
# as a web worker should; this race is about what Redis counts.
counting.TIMEOUT = 30


def by_thread(request: Any, caller: str) -> bool:
    try:
        throttling.limit(request, tier=TIER, key=caller)
    except Problem:
        return False
    return True


async def by_loop(limits: Limits, caller: str) -> bool:
    (usage,) = await limits.count(Asked(TIER, caller))
    return usage is not None and not usage.is_over


async def race(times: int, callers: list[str]) -> int:
    limits = Limits(settings.CACHE_URL, settings.RATE_LIMITS)
    request = RequestFactory().get("/")
    passed = 0
    for number in range(times):
        caller = callers[number % len(callers)]
        if number % 2:
            passed += await asyncio.to_thread(by_thread, request, caller)
        else:
            passed += await by_loop(limits, caller)
    return passed


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    settings.RATE_LIMITS = {TIER: sys.argv[1]}
    tell("ready")
    tell(str(asyncio.run(race(int(sys.argv[2]), sys.stdin.readline().split()))))
