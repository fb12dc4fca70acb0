"""What to look at, and why: each recommendation names what was measured and the threshold it is
over. Imports no Django.

The thresholds are where an operator can still do something before callers notice.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from monitoring.performance.figures import Figures

# Fewer requests than this say little of a route, or of a share of errors.
ENOUGH_REQUESTS, ENOUGH_LOOKUPS = 20, 1000


class Recommendation(NamedTuple):
    """`measurement` is over `threshold`, or below it, both in `unit`."""

    code: str
    advice: str
    subject: str
    measurement: float
    threshold: float
    unit: str


Found = Iterator[Recommendation]
_rules: list[Callable[[Figures], Found]] = []


def recommendations(figures: Figures) -> list[dict[str, Any]]:
    return [found._asdict() for rule in _rules for found in rule(figures)]


def _rule(function: Callable[[Figures], Found]) -> Callable[[Figures], Found]:
    _rules.append(function)
    return function


def _values(figures: Figures, section: str, name: str, **labels: str) -> list[float]:
    return [
        entry["value"]
        for entry in figures.get(section, ())
        if entry["name"] == name and labels.items() <= entry["labels"].items()
    ]


def _rises(figures: Figures, section: str, name: str) -> int:
    """By how many a counter of events rose, all labels together. Rates are rounded."""
    entries = (entry for entry in figures.get(section, ()) if entry["name"] == name)
    rose: float = sum(entry.get("rate", 0.0) for entry in entries) * figures["window"]
    return round(rose)


def _share(part: list[float], whole: list[float]) -> float | None:
    return sum(part) / sum(whole) if part and sum(whole) else None


@_rule
def _event_loop(figures: Figures) -> Found:
    lag = figures["eventLoop"]["p99"]
    if lag is not None and lag > 100:
        advice = (
            "Requests and sockets wait for the event loop: more WEB_CONCURRENCY where cores are "
            "idle, more machines where none is."
        )
        yield Recommendation("event_loop_late", advice, "eventLoop", lag, 100, "ms")


@_rule
def _slow_routes(figures: Figures) -> Found:
    advice = "Look at its statements in `manage.py db_report`, and whether its answer can be kept."
    for route in figures["routes"]:
        if route["count"] >= ENOUGH_REQUESTS and (route["p99"] or 0) > 1000:
            subject = f"{route['method']} {route['route']}"
            yield Recommendation("route_slow", advice, subject, route["p99"], 1000, "ms")


@_rule
def _failures(figures: Figures) -> Found:
    requests = figures["requests"]
    if requests["count"] >= ENOUGH_REQUESTS and requests["errorRate"] > 0.01:
        advice = "Read the log for the correlation ids of 5xx answers; `errors` says of which kind."
        percent = round(requests["errorRate"] * 100, 2)
        yield Recommendation("requests_fail", advice, "requests", percent, 1, "%")


@_rule
def _queries(figures: Figures) -> Found:
    if (p95 := figures["database"]["p95"]) is not None and p95 > 100:
        advice = "Statements are slow as a whole: look for missing indexes in `manage.py db_report`"
        yield Recommendation("queries_slow", f"{advice}.", "database", p95, 100, "ms")


@_rule
def _slow_queries(figures: Figures) -> Found:
    if (rose := _rises(figures, "slowQueries", "rallypoint_slow_queries_total")) > 10:
        advice = "Statements are over SLOW_QUERY_THRESHOLD; their plans are in the log."
        yield Recommendation("slow_queries", advice, "database", rose, 10, "statements")


@_rule
def _pool(figures: Figures) -> Found:
    waiting = sum(_values(figures, "pools", "rallypoint_pool_waiting"))
    if waiting > 0:
        advice = "Requests wait for a connection: raise DATABASE_POOL_MAX, or lower WEB_THREADS."
        yield Recommendation("pool_exhausted", advice, "pool", waiting, 0, "requests")
    if (refused := _rises(figures, "pools", "rallypoint_pool_refused_total")) > 0:
        advice = "Requests got no connection. Is PostgreSQL there, and DATABASE_POOL_MAX enough?"
        yield Recommendation("pool_refuses", advice, "pool", refused, 0, "requests")


@_rule
def _connections(figures: Figures) -> Found:
    name = "rallypoint_database_connections"
    used = _values(figures, "machine", name, measure="used")
    share = _share(used, _values(figures, "machine", name, measure="most"))
    if share is not None and share > 0.8:
        advice = "PostgreSQL is nearly full: raise max_connections, or put PgBouncer in front."
        percent = round(share * 100, 1)
        yield Recommendation("connections_nearly_used", advice, "database", percent, 80, "%")


@_rule
def _cache(figures: Figures) -> Found:
    """Redis' own count since its start, and each cache's over the window."""
    server = {"server": "evictable"}
    hits = _values(figures, "cache", "rallypoint_redis", measure="keyspace_hits", **server)
    misses = _values(figures, "cache", "rallypoint_redis", measure="keyspace_misses", **server)
    share = _share(hits, hits + misses)
    if share is not None and sum(hits + misses) >= ENOUGH_LOOKUPS and share < 0.5:
        advice = "Most look-ups miss: raise maxmemory of CACHE_URL's server, or CACHE_TTL."
        yield Recommendation("cache_misses", advice, "cache", round(share * 100, 1), 50, "%")


@_rule
def _breakers(figures: Figures) -> Found:
    for entry in figures.get("breakers", ()):
        is_open = entry["labels"].get("state") == "open" and entry["value"] > 0
        if entry["name"] == "rallypoint_breakers" and is_open:
            subject = entry["labels"].get("breaker", "")
            advice = "Calls to it fail or are slow, and are refused for now. Is it there?"
            value = entry["value"]
            yield Recommendation("breaker_open", advice, subject, value, 0, "circuits")


@_rule
def _clicks(figures: Figures) -> Found:
    name = "rallypoint_click_stream"
    for lag in _values(figures, "queues", name, measure="lag_seconds"):
        if lag > 10:
            advice = "Clicks wait for their tables: is a worker running, and is it enough?"
            yield Recommendation("clicks_wait", advice, "clickStream", round(lag, 1), 10, "s")
    if (size := sum(_values(figures, "queues", "rallypoint_click_spool_bytes"))) > 0:
        advice = "Clicks lie on disk because Redis was away; they are sent when it is back."
        yield Recommendation("clicks_spooled", advice, "spool", size, 0, "bytes")


@_rule
def _events(figures: Figures) -> Found:
    for lag in _values(figures, "queues", "rallypoint_outbox", measure="lag_seconds"):
        if lag > 10:
            advice = "Events wait for their relay: is a worker running?"
            yield Recommendation("events_wait", advice, "outbox", round(lag, 1), 10, "s")


@_rule
def _tasks(figures: Figures) -> Found:
    if (waiting := sum(_values(figures, "queues", "rallypoint_task_queue"))) > 100:
        advice = "Tasks come faster than they are done: give `celery worker` more --concurrency."
        yield Recommendation("tasks_wait", advice, "tasks", waiting, 100, "tasks")


@_rule
def _machine(figures: Figures) -> Found:
    name = "rallypoint_machine_bytes"
    used = _values(figures, "machine", name, measure="memory_used")
    share = _share(used, _values(figures, "machine", name, measure="memory_total"))
    if share is not None and share > 0.9:
        advice = "Memory is nearly used: fewer WEB_CONCURRENCY, or a lower WORKER_MAX_MEMORY_MB."
        yield Recommendation("memory_short", advice, "memory", round(share * 100, 1), 90, "%")
    free = _values(figures, "machine", name, measure="disk_free")
    share = _share(free, _values(figures, "machine", name, measure="disk_total"))
    if share is not None and share < 0.1:
        advice = "The disk of VAR_DIR is nearly full: clicks would find no room in an outage."
        yield Recommendation("disk_short", advice, "disk", round(share * 100, 1), 10, "%")


@_rule
def _limits(figures: Figures) -> Found:
    refused = _rises(figures, "limits", "rallypoint_rate_limited_total")
    count = figures["requests"]["count"]
    if count >= ENOUGH_REQUESTS and refused / count > 0.1:
        advice = "Much is refused: an attack, or a tier of RATE_LIMITS that is too low for callers."
        percent = round(100 * refused / count, 1)
        yield Recommendation("much_refused", advice, "limits", percent, 10, "%")
