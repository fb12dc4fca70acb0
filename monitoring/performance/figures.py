"""The figures of a while, made of its first and its last snapshot. Imports no Django.

Rates are per second, times are in milliseconds. What nobody announced is not there.
"""

from collections import defaultdict
from typing import Any

from monitoring.performance.snapshots import Buckets, Change, quantile

REQUESTS = "rallypoint_http_requests_total"
SECONDS = "rallypoint_http_request_seconds"
QUERY_SECONDS = "django_db_query_duration_seconds"
LOOP_LAG = "rallypoint_event_loop_lag_seconds"
MOST_ROUTES = 50

# Which metrics belong to which section, by a word of their names; the first that fits wins.
_SECTIONS = (
    ("breakers", ("_breaker",)),
    ("pools", ("_pool",)),
    ("cache", ("_cache", "_redis")),
    ("slowQueries", ("_slow_quer",)),
    ("shedding", ("_requests_shed", "_requests_in_flight", "_requests_queued", "_requests_limit")),
    ("limits", ("_limited",)),
    ("queues", ("_click_stream", "_click_spool", "_outbox", "_task_queue")),
    ("machine", ("_machine", "_database_connections")),
    ("workers", ("_worker",)),
    ("rooms", ("_rooms",)),
)
# What a histogram or a counter consists of besides its count.
_PARTS = ("_bucket", "_sum")

Figures = dict[str, Any]


def figures(change: Change) -> Figures:
    return {
        "window": round(change.seconds, 1),
        "requests": _requests(change),
        "routes": _routes(change),
        "errors": _errors(change),
        "eventLoop": _times(change.buckets(LOOP_LAG).get((), [])),
        "database": _database(change),
        **_sections(change),
    }


def _requests(change: Change) -> Figures:
    count = change.increase(REQUESTS)
    failed = change.increase(REQUESTS, status="5xx")
    return {
        "count": int(count),
        "rate": round(count / change.seconds, 2),
        "errorRate": round(failed / count, 6) if count else 0.0,
        **_times(change.buckets(SECONDS).get((), [])),
    }


def _routes(change: Change) -> list[Figures]:
    """Those first on which most time was spent."""
    counts = change.by(REQUESTS, "method", "route")
    statuses = change.by(REQUESTS, "method", "route", "status")
    spent = change.by(f"{SECONDS}_sum", "method", "route")
    buckets = change.buckets(SECONDS, "method", "route")
    busiest = sorted((key for key in counts if counts[key]), key=lambda key: -spent.get(key, 0.0))
    return [
        {
            "method": key[0],
            "route": key[1],
            "count": int(counts[key]),
            "rate": round(counts[key] / change.seconds, 2),
            "errorRate": round(statuses.get((*key, "5xx"), 0.0) / counts[key], 6),
            **_times(buckets.get(key, [])),
        }
        for key in busiest[:MOST_ROUTES]
    ]


def _errors(change: Change) -> Figures:
    """How many a second, by category; those that there were."""
    found = change.by("rallypoint_errors_total", "category")
    return {
        category: round(count / change.seconds, 4)
        for (category,), count in sorted(found.items())
        if count
    }


def _database(change: Change) -> Figures:
    count = change.increase(f"{QUERY_SECONDS}_count")
    rate = round(count / change.seconds, 2)
    return {"queryRate": rate, **_times(change.buckets(QUERY_SECONDS).get((), []))}


def _times(buckets: Buckets) -> Figures:
    return {
        name: None if (seconds := quantile(buckets, share)) is None else round(seconds * 1000, 2)
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }


def _sections(change: Change) -> dict[str, list[Figures]]:
    """Every other series as it is: counters with what they rose by a second, too."""
    found: dict[str, list[Figures]] = defaultdict(list)
    for (name, labels), value in sorted(change.newer.values.items()):
        section = _section_of(name)
        if section is None:
            continue
        entry: Figures = {"name": name, "labels": dict(labels), "value": value}
        if name.endswith(("_total", "_count")):
            entry["rate"] = round(change.rise(name, labels) / change.seconds, 4)
        found[section].append(entry)
    return {section: found.get(section, []) for section, _ in _SECTIONS}


def _section_of(name: str) -> str | None:
    if not name.startswith("rallypoint_") or name.endswith(_PARTS):
        return None
    return next(
        (section for section, words in _SECTIONS if any(word in name for word in words)), None
    )
