"""What the ground floor tells Prometheus at each scrape; registered when the app is ready."""

import shutil
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from monitoring import certificates
from monitoring.health.background import waiting_tasks
from monitoring.health.memory import memory
from monitoring.metrics import GaugeValue, gauge
from monitoring.performance.processes import siblings
from monitoring.proofs import last_proofs
from monitoring.redis import durable, evictable


@gauge("rallypoint_machine_bytes", "Memory, and room on VAR_DIR's disk.", labels=("measure",))
def machine() -> dict[tuple[str, ...], float]:
    found, disk = memory(), shutil.disk_usage(Path(settings.VAR_DIR))
    return {
        ("memory_used",): found.get("used", 0),
        ("memory_total",): found.get("total", 0),
        ("disk_free",): disk.free,
        ("disk_total",): disk.total,
    }


@gauge("rallypoint_worker", "The web workers of this machine.", labels=("worker", "measure"))
def workers() -> dict[tuple[str, ...], float]:
    """By their number: a process id would be a new series at each reload."""
    return {
        (str(number), measure): value
        for number, worker in enumerate(siblings(), start=1)
        for measure, value in (
            ("memory_bytes", worker.memory),
            ("cpu_seconds", worker.cpu),
            ("threads", worker.threads),
        )
    }


@gauge("rallypoint_database_connections", "Of everybody, and how many may be.", labels=("measure",))
def database_connections() -> dict[tuple[str, ...], float]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE backend_type = 'client backend'),"
            " current_setting('max_connections')::int FROM pg_stat_activity"
        )
        used, most = cursor.fetchone()
    return {("used",): used, ("most",): most}


@gauge("rallypoint_redis", "What both Redis say of themselves.", labels=("server", "measure"))
def redis() -> dict[tuple[str, ...], float]:
    known = (
        *("used_memory", "maxmemory", "connected_clients", "keyspace_hits", "keyspace_misses"),
        "aof_enabled",
    )
    found: dict[tuple[str, ...], float] = {}
    for server, client in (("durable", durable()), ("evictable", evictable())):
        answer: Any = client.info()
        found |= {(server, name): float(answer[name]) for name in known if name in answer}
    return found


@gauge("rallypoint_task_queue", "Tasks that wait at the broker for a worker.")
def task_queue() -> float:
    return waiting_tasks()


@gauge("rallypoint_proof_differences", "What the last proof of the numbers found.", ("proof",))
def proof_differences() -> dict[tuple[str, ...], float]:
    return {(name,): proof.differences for name, proof in last_proofs().items()}


@gauge("rallypoint_proof_age_seconds", "Since the numbers were last proved.", ("proof",))
def proof_age() -> dict[tuple[str, ...], float]:
    now = timezone.now()
    return {(name,): (now - proof.at).total_seconds() for name, proof in last_proofs().items()}


@gauge("rallypoint_certificate_seconds", "Until the certificate of PUBLIC_URL ends.")
def certificate() -> GaugeValue:
    ends_at = certificates.known_end()
    return ends_at - time.time() if ends_at is not None else {}
