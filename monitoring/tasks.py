"""What the ground floor does regularly."""

import time

from celery import shared_task

from monitoring.redis import durable
from monitoring.wire import idempotency

HEARTBEAT_KEY = "rallypoint:workers:heartbeat"
HEARTBEAT_LIFETIME = 60


@shared_task(name="monitoring.tasks.heartbeat", ignore_result=True, in_maintenance=True)
def heartbeat() -> None:
    """Beat planned it, the broker carried it and a worker ran it: all three are alive."""
    durable().set(HEARTBEAT_KEY, f"{time.time():.3f}", ex=HEARTBEAT_LIFETIME)


@shared_task(name="monitoring.tasks.forget_idempotency_keys", ignore_result=True)
def forget_idempotency_keys() -> int:
    return idempotency.forget_expired()
