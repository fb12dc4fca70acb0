"""What quests do in the background. Each is a sweep, or repeated by one: what one run misses, the
next one does."""

import time
from typing import Any

import structlog
from celery import shared_task

from monitoring.proofs import keep_proof
from monitoring.regularly import for_a_while
from quests import achievements, reconciliation
from quests.authoring import services
from quests.evidence import sweeping, verifying, withdrawing
from quests.leaderboard import segments
from quests.raffles import services as raffles
from quests.webhooks import retention
from quests.webhooks.relay import BATCH, relay_once
from quests.webhooks.sending import send_due

log = structlog.get_logger(__name__)

# Of one tick; after that the worker is for others.
FOLD_SECONDS = 10
RELAY_SECONDS = 20
SEND_SECONDS = 20


@shared_task
def fold_ranks() -> int:
    """Keep the leaderboards' segments small and few. Exactness does not depend on it."""
    return for_a_while(segments.fold, seconds=FOLD_SECONDS)


@shared_task
def close_ended_seasons() -> int:
    return services.close_ended_seasons()


@shared_task
def close_raffles() -> int:
    """Returns how many lists of entrants were closed."""
    return raffles.close_raffles()


@shared_task
def recompute_achievements() -> int:
    """For rules that were written after the deeds. Returns how many were given or taken."""
    return sum(achievements.recompute())


@shared_task
def reconcile() -> bool:
    """The nightly check of E3 and E4; a difference is an error in the log."""
    report = reconciliation.reconcile()
    keep_proof("quests", report.differences)
    for line in report.differences:
        log.error("reconcile_difference", equation=line.equation, subject=line.subject)
    return report.is_clean


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


@shared_task
def verify_evidence(kind: str, ids: list[Any]) -> int:
    """Facts that the house has just seen. Returns how many quests were completed by them."""
    return verifying.verify(kind, ids)


@shared_task
def look_again_at_evidence(kind: str, ids: list[Any]) -> int:
    """At facts that are not what they were. Returns how many pieces of evidence were withdrawn."""
    return withdrawing.look_again(kind, ids)


@shared_task
def sweep_evidence() -> int:
    """What no news came of. Returns how many quests were completed."""
    return sweeping.sweep()
