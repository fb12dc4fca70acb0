"""How the two Redis databases are set up."""

from collections.abc import Iterator
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from monitoring.doctor.finding import Finding, Level, judge
from monitoring.redis import durable, evictable

OLDEST = (6, 2)
_FULL = 0.8


def durable_store() -> Iterator[Finding]:
    known: Any = durable().info()
    version = str(known.get("valkey_version") or known.get("redis_version", "0"))
    yield judge(
        "Redis", f"Version {version}.", wrong=_number(str(known["redis_version"])) < OLDEST,
        fix="Use Valkey, or Redis 6.2 or newer: streams are trimmed by id.", level=Level.ERROR,
    )  # fmt: skip
    policy = known.get("maxmemory_policy", "noeviction")
    yield judge(
        "maxmemory-policy", f"REDIS_URL has {policy}.", wrong=policy != "noeviction",
        fix="CONFIG SET maxmemory-policy noeviction: clicks and tasks would be evicted.",
        level=Level.ERROR,
    )  # fmt: skip
    yield _room("memory of REDIS_URL", known)
    yield from _appending(durable())


def _room(name: str, known: Any) -> Finding:
    used, most = int(known.get("used_memory", 0)), int(known.get("maxmemory", 0))
    share = used / most if most else 0.0
    of = f", {share:.0%} of what it may take" if most else ""
    return judge(
        name, f"{used / 1e6:,.1f} MB are used{of}.", wrong=share > _FULL,
        fix="Raise maxmemory: a full Redis takes no more clicks, and they go to the spool.",
    )  # fmt: skip


def _appending(redis: Redis) -> Iterator[Finding]:
    """Hosted ones often keep their configuration to themselves."""
    try:
        found: Any = redis.config_get("appendfsync")
    except RedisError:
        return
    if value := found.get("appendfsync"):
        yield judge(
            "appendfsync", f"appendfsync is {value}.", wrong=value == "no",
            fix="CONFIG SET appendfsync everysec: a power cut would lose more than a second.",
        )  # fmt: skip


def cache_store() -> Iterator[Finding]:
    known: Any = evictable().info()
    yield _room("memory of CACHE_URL", known)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
