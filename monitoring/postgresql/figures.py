"""What a pool of connections is doing, for metrics and health. Imports no Django.

Each process has pools of its own. Sizes are summed over those that live, and what is counted stays
counted: whichever process is asked answers for all of them.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

from prometheus_client import Counter, Gauge
from psycopg_pool import PoolTimeout, TooManyRequests

# How often a pool hands its figures over.
FIGURES_SECONDS = 1.0
_POOL = ["pool"]


def _gauge(name: str, documentation: str) -> Gauge:
    return Gauge(f"rallypoint_pool_{name}", documentation, _POOL, multiprocess_mode="livesum")


_GAUGES = {
    "pool_size": _gauge("connections", "Connections, idle and used."),
    "pool_available": _gauge("available", "Connections that are idle."),
    "pool_max": _gauge("limit", "Connections that there may be."),
    "requests_waiting": _gauge("waiting", "Who waits for one just now."),
}
_COUNTERS = {
    "requests_num": Counter("rallypoint_pool_requests", "Connections asked for.", _POOL),
    "requests_queued": Counter("rallypoint_pool_queued", "Those that had to be waited for.", _POOL),
    "connections_lost": Counter("rallypoint_pool_lost", "Connections that broke.", _POOL),
}
_WAITED = Counter("rallypoint_pool_wait_seconds", "Time waited for connections.", _POOL)
REFUSED = Counter(
    "rallypoint_pool_refused",
    "Connections not given: the server is away, too many wait, or waited too long.",
    ["pool", "reason"],
)
_SHOWN = {
    "pool_min": "min",
    "pool_max": "max",
    "pool_size": "size",
    "pool_available": "available",
    "requests_waiting": "waiting",
    "requests_num": "requests",
    "requests_queued": "queued",
    "requests_wait_ms": "waitMs",
}

Stats = Mapping[str, int]


class Figures:
    """Of one pool, by its name: `hand_over` is called again and again with all its statistics."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._before: Stats = {}
        self.refused = 0

    def refuse(self, reason: str) -> None:
        self.refused += 1
        REFUSED.labels(self._name, reason).inc()

    def hand_over(self, stats: Stats) -> None:
        for name, gauge in _GAUGES.items():
            gauge.labels(self._name).set(stats[name])
        for name, counter in _COUNTERS.items():
            counter.labels(self._name).inc(self._more(stats, name))
        _WAITED.labels(self._name).inc(self._more(stats, "requests_wait_ms") / 1000)
        self._before = stats

    def _more(self, stats: Stats, name: str) -> int:
        return stats.get(name, 0) - self._before.get(name, 0)


def shown(stats: Stats, refused: int) -> dict[str, Any]:
    """For a health report, of this process alone; times in ms, of all who ever waited."""
    return {name: stats.get(key, 0) for key, name in _SHOWN.items()} | {"refused": refused}


def forget_those_gone(waiting: deque[Any]) -> None:
    """psycopg leaves who gave up in the queue, where they count against those who might wait."""
    while waiting and waiting[0].error is not None:
        waiting.popleft()


def reason_of(error: Exception) -> str:
    """Why a pool gave no connection."""
    if isinstance(error, TooManyRequests):
        return "full"
    return "timeout" if isinstance(error, PoolTimeout) else "away"
