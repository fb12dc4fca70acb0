"""The checks of those who work behind the requests: beat, workers, their queue, Channels' layer."""

import asyncio
import time
from typing import Any

from channels.layers import DEFAULT_CHANNEL_LAYER, channel_layers
from django.conf import settings

from monitoring.health.report import Check, Status
from monitoring.health.runner import BEAT, WORKER, check
from monitoring.redis import durable
from monitoring.redis_clients import synchronous
from monitoring.tasks import BEAT_KEY, HEARTBEAT_KEY

# Beat plans something every second, and a heartbeat every five.
SILENT_AFTER = 30.0
# Periodic tasks expire; what is more than this was sent by requests, faster than it is done.
MOST_WAITING = 1000
_ROUND_TRIP_SECONDS = 0.8


@check(
    critical=(BEAT,),
    hint=f"Beat planned nothing for {SILENT_AFTER:g} s: is it running (`celery -A config beat`, or "
    "`manage.py up`)? Its log says why it ended.",
)
def check_beat() -> Check:
    """By what beat itself wrote when it sent a task: unlike the heartbeat, it needs no worker."""
    return _sign_of_life(BEAT_KEY, "plannedBefore", otherwise="nothing was planned")


@check(
    critical=(WORKER,),
    hint=f"Workers did nothing for {SILENT_AFTER:g} s: are they running (`celery -A config "
    "worker`, or `manage.py up`)? If they are, look at `beat` and `tasks`.",
)
def check_workers() -> Check:
    """By the heartbeat that beat plans, the broker carries and a worker writes."""
    return _sign_of_life(HEARTBEAT_KEY, "heartbeatAge", otherwise="no heartbeat")


def _sign_of_life(key: str, age_name: str, *, otherwise: str) -> Check:
    raw: Any = durable().get(key)
    if raw is None:
        return Check(Status.UNHEALTHY, details={"error": otherwise})
    age = round(max(0.0, time.time() - float(raw)), 1)
    status = Status.HEALTHY if age <= SILENT_AFTER else Status.UNHEALTHY
    return Check(status, details={age_name: age})


@check(
    critical=(WORKER,),
    hint=f"Over {MOST_WAITING} wait: are workers running? If they are, start more of them.",
)
def check_tasks() -> Check:
    """How many tasks wait at the broker for a worker."""
    waiting = waiting_tasks()
    status = Status.HEALTHY if waiting <= MOST_WAITING else Status.DEGRADED
    return Check(status, details={"waiting": waiting})


def waiting_tasks() -> int:
    prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
    found: Any = durable().llen(f"{prefix}celery")
    return int(found)


_NOT_BACK = (
    "A message through Redis' PUBLISH did not come back: is `redis` well, and its processor busy? "
    "Rooms are late meanwhile."
)


@check(limit=_ROUND_TRIP_SECONDS, every=10.0, hint=_NOT_BACK, unseen=_NOT_BACK)
def check_channel_layer() -> Check:
    """One message there and back: what Channels carries between processes, and not only PING. It
    goes by one of CHANNEL_URLS; the others have to answer."""
    for url in settings.CHANNEL_URLS:
        with synchronous(url) as client:
            client.ping()
    asyncio.run(_there_and_back())
    return Check(Status.HEALTHY)


async def _there_and_back() -> None:
    """Over a layer of its own: the process's belongs to another event loop."""
    layer: Any = channel_layers.make_backend(DEFAULT_CHANNEL_LAYER)
    try:
        async with asyncio.timeout(_ROUND_TRIP_SECONDS):
            name = await layer.new_channel("health!")
            await layer.send(name, {"type": "health"})
            await layer.receive(name)
    finally:
        await layer.flush()  # its connections and its listener end with this loop
