"""How often what was kept could be used, by name and outcome, for every kind of cache.

A name is that of a function or a route, so there are few. Outcomes: `hit`; `early`, a hit that
also renewed; `shared`, somebody else's work; `miss`; `stale`, kept longer than it should be because
nothing newer could be had; `away`, no cache to look in. Imports no Django.
"""

from functools import lru_cache

from prometheus_client import Counter

LOOKUPS = Counter(
    "rallypoint_cache_lookups", "Look-ups in caches, by what came of them.", ["name", "outcome"]
)


def looked_up(name: str, outcome: str, times: int = 1) -> None:
    _child(name, outcome).inc(times)


@lru_cache(maxsize=1024)
def _child(name: str, outcome: str) -> Counter:
    """`labels()` takes a lock and checks its arguments; that is for once."""
    return LOOKUPS.labels(name, outcome)
