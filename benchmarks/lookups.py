"""The leaderboard's questions, timed inside Django: see benchmarks.leaderboard."""

import random
import time
from collections.abc import Callable
from statistics import median
from typing import Any

_PAGE = 50
_DEEP = 10_000


def ask(*, times: int, first: int, last: int) -> dict[str, float]:
    """The median of each, in milliseconds. Every question is prepared, and warm, by then."""
    from quests.leaderboard import ranking
    from quests.models import OVERALL

    total = ranking.page(OVERALL, offset=0, limit=1).total
    deep = min(_PAGE * (_DEEP - 1), total // 2)

    def anybody() -> int:
        return random.randint(first, last)  # noqa: S311 - no secret

    questions: dict[str, Callable[[], Any]] = {
        "top 50": lambda: ranking.page(OVERALL, offset=0, limit=_PAGE),
        "rank of anybody": lambda: ranking.rank(OVERALL, anybody()),
        "around anybody": lambda: ranking.around(OVERALL, anybody(), limit=_PAGE),
        "page 10,000": lambda: ranking.page(OVERALL, offset=deep, limit=_PAGE),
    }
    for question in questions.values():
        for _ in range(10):
            assert question()
    return {name: _median_ms(question, times) for name, question in questions.items()}


def _median_ms(question: Callable[[], Any], times: int) -> float:
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        question()
        seconds.append(time.perf_counter() - started)
    return median(seconds) * 1000
