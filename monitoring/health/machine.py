"""The checks of what the service stands on: room on disk, memory, the clock, the tables' form."""

import pkgutil
import shutil
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from monitoring.checks import MOST_SKEW_SECONDS
from monitoring.health.memory import memory
from monitoring.health.report import Check, Status
from monitoring.health.runner import WEB, WORKER, check
from monitoring.redis import durable

# Below both of them clicks soon find no room, should Redis go; below the last one little works.
LEAST_FREE_SHARE, LEAST_FREE_BYTES = 0.05, 2 * 1024**3
NO_ROOM_BYTES = 64 * 1024**2
MOST_MEMORY_PERCENT = 95.0


@check(
    critical=True,
    every=5.0,
    hint=f"The disk of VAR_DIR has less free than {LEAST_FREE_SHARE:.0%} and "
    f"{LEAST_FREE_BYTES // 1024**3} GiB, or than {NO_ROOM_BYTES // 1024**2} MiB: make room on it.",
)
def check_disk() -> Check:
    """Of VAR_DIR, where the spool and the embedded servers are."""
    usage = shutil.disk_usage(_existing(Path(settings.VAR_DIR)))
    details = {"free": usage.free, "total": usage.total}
    if usage.free < NO_ROOM_BYTES:
        return Check(Status.UNHEALTHY, details=details)
    is_short = usage.free < LEAST_FREE_BYTES and usage.free < LEAST_FREE_SHARE * usage.total
    return Check(Status.DEGRADED if is_short else Status.HEALTHY, details=details)


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


@check(
    every=2.0,
    hint=f"Over {MOST_MEMORY_PERCENT:g} % are taken: `ps` says by whom; else a lower "
    "WEB_CONCURRENCY or WORKER_MAX_MEMORY_MB, or more memory.",
)
def check_memory() -> Check:
    found = memory()
    is_short = found.get("percentage", 0.0) > MOST_MEMORY_PERCENT
    return Check(Status.DEGRADED if is_short else Status.HEALTHY, details=found)


@check(
    every=30.0,
    hint=f"A clock differs from this machine's by more than {MOST_SKEW_SECONDS:g} s (positive: it "
    "is ahead): does each of the machines keep its time by NTP?",
)
def check_clock() -> Check:
    """Windows, expiries and charts compare times that were told by three clocks."""
    skews = {"postgresql": _skew(_database_time), "redis": _skew(_redis_time)}
    is_off = any(abs(skew) > MOST_SKEW_SECONDS for skew in skews.values())
    return Check(Status.DEGRADED if is_off else Status.HEALTHY, details=skews)


def _skew(told: Any) -> float:
    """Seconds by which the clock is ahead of ours, as of the middle of the asking."""
    before = time.time()
    its_time = told()
    return round(float(its_time) - (before + time.time()) / 2, 3)


def _database_time() -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        return float(cursor.fetchone()[0])


def _redis_time() -> float:
    answer: Any = durable().time()
    return int(answer[0]) + int(answer[1]) / 1_000_000


@check(
    limit=3.0,
    critical=(WEB, WORKER),
    every=300.0,
    hint="What is missing has not been applied: `manage.py migrate`.",
)
def check_migrations() -> Check:
    """Whether every migration that this program brings has been applied. Those that only the
    database knows are of a newer one, which takes over just now."""
    applied = set(MigrationRecorder(connection).applied_migrations())
    missing = sorted(brought() - applied)
    details = {"missing": [".".join(name) for name in missing]}
    return Check(Status.UNHEALTHY if missing else Status.HEALTHY, details=details)


def brought() -> set[tuple[str, str]]:
    """This program's migrations, by the files' names: to load them would cost every process
    megabytes."""
    return {
        (config.label, module.name)
        for config in apps.get_app_configs()
        for module in pkgutil.iter_modules(_places(config.label))
        if not module.ispkg and not module.name.startswith("_")
    }


def _places(label: str) -> list[str]:
    """None for an app that has no migrations, or a lone module in their place."""
    name, _ = MigrationLoader.migrations_module(label)
    try:
        return list(getattr(import_module(name), "__path__", ())) if name else []
    except ModuleNotFoundError:
        return []
