"""What the ground floor does regularly."""

import contextlib
import time
from typing import Any

from celery import shared_task
from celery.signals import before_task_publish
from django.conf import settings
from redis.exceptions import RedisError

from monitoring.certificates import note_end
from monitoring.redis import durable
from monitoring.wire import idempotency

# Written by the process that plans: with the heartbeat, it tells a dead beat from dead workers.
BEAT_KEY = "rallypoint:beat:heartbeat"
HEARTBEAT_KEY = "rallypoint:workers:heartbeat"
HEARTBEAT_LIFETIME = 60
BACKUP_SECONDS = 6 * 3600


def connect_beat() -> None:
    """Called once, when the apps are ready."""
    before_task_publish.connect(
        _note_planning, sender=heartbeat.name, dispatch_uid="rallypoint.beat"
    )


def _note_planning(**_: Any) -> None:
    """Only beat sends heartbeats. Whatever is wrong with Redis, it meets again at once."""
    with contextlib.suppress(RedisError):
        durable().set(BEAT_KEY, f"{time.time():.3f}", ex=HEARTBEAT_LIFETIME)


@shared_task(name="monitoring.tasks.heartbeat", ignore_result=True, in_maintenance=True)
def heartbeat() -> None:
    """Beat planned it, the broker carried it and a worker ran it: all three are alive."""
    durable().set(HEARTBEAT_KEY, f"{time.time():.3f}", ex=HEARTBEAT_LIFETIME)


@shared_task(
    name="monitoring.tasks.back_up",
    ignore_result=True,
    in_maintenance=True,  # it only reads
    # A dump may take hours: the limit of all other tasks would kill it each time. And what was
    # killed is due again at the next tick: no broker need bring it back.
    time_limit=BACKUP_SECONDS,
    soft_time_limit=BACKUP_SECONDS - 60,
    acks_late=False,
)
def back_up() -> str:
    """Returns the name of the backup that was due and is made."""
    from monitoring.backups.schedule import back_up_when_due  # pyrage is for who makes backups

    return back_up_when_due()


@shared_task(name="monitoring.tasks.forget_idempotency_keys", ignore_result=True)
def forget_idempotency_keys() -> int:
    return idempotency.forget_expired()


@shared_task(name="monitoring.tasks.look_at_certificate", ignore_result=True)
def look_at_certificate() -> None:
    if settings.HTTPS:
        note_end(settings.PUBLIC_URL)
