"""The checks of the ground floor, and what they amount to. Others list theirs in the settings."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django_redis import get_redis_connection
from health_check.checks import Cache, Database

from monitoring import metrics
from monitoring.health.memory import memory
from monitoring.health.report import Check, Status
from monitoring.health.runner import WEB, WORKER, check, overall, runner
from monitoring.maintenance import notice
from monitoring.redis import durable
from monitoring.wire.fields import instant

__all__ = ["Check", "Status", "check", "full_report", "short_report"]

STARTED_AT = time.time()
_has_met_database = False


_NO_DATABASE = "Does PostgreSQL run, at DATABASE_URL, and take connections? Its log says why."
_NO_CACHE = "Does Redis run, at CACHE_URL, and answer PING? All is computed anew without it."
_NO_REDIS = "Does Redis run, at REDIS_URL, and answer PING?"


@check(limit=1.5, critical=True, hint=_NO_DATABASE, unseen=_NO_DATABASE)
def check_database() -> Check:
    global _has_met_database  # noqa: PLW0603 - a fact about this process
    started = time.perf_counter()
    Database().run()
    latency = round((time.perf_counter() - started) * 1000, 2)
    _has_met_database = True
    return Check(Status.HEALTHY, latency, _database_details())


def _database_details() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        (connections,) = cursor.fetchone()
    pool = getattr(connection, "pool", None)
    return {"connections": connections, "pool": pool.figures() if pool else {}}


@check(hint=_NO_CACHE, unseen=_NO_CACHE)
def check_cache() -> Check:
    started = time.perf_counter()
    asyncio.run(Cache(key_prefix="health").run())
    latency = round((time.perf_counter() - started) * 1000, 2)
    stats = get_redis_connection("default").info("stats")
    hits, misses = int(stats["keyspace_hits"]), int(stats["keyspace_misses"])
    rate = round(hits / (hits + misses), 4) if hits + misses else None
    return Check(Status.HEALTHY, latency, {"hitRate": rate})


@check(
    critical=(WORKER,),
    hint="Redis at REDIS_URL needs `appendonly yes`, or a crash of it loses clicks.",
    unseen=_NO_REDIS,
)
def check_redis() -> Check:
    """The durable one. Without its append-only file it would lose clicks that it acknowledged."""
    answer: Any = durable().info()
    keeps_file = bool(int(answer.get("aof_enabled", 0)))
    details = {
        "appendOnlyFile": keeps_file,
        "memory": answer.get("used_memory"),
        "clients": answer.get("connected_clients"),
    }
    return Check(Status.HEALTHY if keeps_file else Status.DEGRADED, details=details)


def has_met_database() -> bool:
    """Once is enough: when PostgreSQL goes later, redirects still have to come in."""
    if not _has_met_database:
        runner().results()
    return _has_met_database


def database_was_met() -> bool:
    """The same without asking: for those who may not wait, and have others ask."""
    return _has_met_database


def scrape(accept: str) -> tuple[bytes, str]:
    """(body, content type) for a thread that serves no request."""
    try:
        return metrics.exposition(accept)
    finally:
        connection.close()


def short_report(role: str = WEB) -> dict[str, Any]:
    """What anybody may know."""
    results = runner(role).results()
    return {
        "status": overall(results),
        "timestamp": instant(datetime.now(UTC)),
        "uptime": round(time.time() - STARTED_AT, 1),
        "version": settings.VERSION,
        "maintenance": notice.current().is_on,
        **{name: {"connected": _connected(results[name])} for name in _SHOWN if name in results},
        "checks": {name: {"status": result.status} for name, result in results.items()},
    }


def full_report(role: str = WEB) -> dict[str, Any]:
    """What an operator gets: the numbers too."""
    results, short = runner(role).results(), short_report(role)
    requests, errors = metrics.totals()
    return {
        **short,
        "memory": memory(),
        **{name: _shown(name, results[name]) for name in _SHOWN if name in results},
        "errors": {
            "count": int(errors),
            "rate": round(errors / requests, 6) if requests else 0.0,
            "categories": metrics.errors_by_category(),
        },
        "checks": {name: _full(result) for name, result in results.items()},
    }


_SHOWN = {"database": "connections", "cache": "hitRate"}


def _shown(name: str, result: Check) -> dict[str, Any]:
    member = _SHOWN[name]
    return {
        "connected": _connected(result),
        "latency": result.latency_ms,
        member: result.details.get(member),
    }


def _connected(result: Check) -> bool:
    return result.status is Status.HEALTHY


def _full(result: Check) -> dict[str, Any]:
    return {"status": result.status, "latency": result.latency_ms, **result.details}
