"""Celery's part of quests. Every task may run twice, or late: none holds anything that exists only
as a queued message."""

import time

from celery import shared_task

from quests.webhooks import retention
from quests.webhooks.relay import BATCH, relay_once
from quests.webhooks.sending import send_due

# Of one tick; after that the worker is for others.
RELAY_SECONDS = 20
SEND_SECONDS = 20


@shared_task
def relay_outbox() -> int:
    """Make deliveries of the events that wait. Returns how many events."""
    relayed, deadline = 0, time.monotonic() + RELAY_SECONDS
    while time.monotonic() < deadline:
        batch = relay_once()
        relayed += batch
        if batch < BATCH:
            break
    return relayed


@shared_task
def send_webhooks() -> int:
    """Try the deliveries that are due. Returns how many tries were made."""
    return send_due(seconds=SEND_SECONDS)


@shared_task
def forget_delivered() -> int:
    """Returns how many events were forgotten."""
    return retention.forget_delivered()
