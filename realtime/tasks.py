"""What rooms do in the background: sweeps, so what one run misses, the next one does."""

import structlog
from celery import shared_task

from monitoring.proofs import keep_proof
from monitoring.regularly import for_a_while
from realtime import reconciliation
from realtime.members import forget_past_mutes
from realtime.messages.retention import forget_old_messages
from realtime.presence.retention import forget_old_stays

log = structlog.get_logger(__name__)

FORGET_SECONDS = 20


@shared_task
def forget_messages() -> int:
    """Returns how many messages went. Mutes that are over go with them."""
    forget_past_mutes()
    return for_a_while(forget_old_messages, seconds=FORGET_SECONDS)


@shared_task
def forget_stays() -> int:
    """Returns how many stays went."""
    return for_a_while(forget_old_stays, seconds=FORGET_SECONDS)


@shared_task
def reconcile() -> bool:
    """The nightly check of E5; a difference is an error in the log."""
    report = reconciliation.reconcile()
    keep_proof("rooms", report.differences)
    for line in report.differences:
        log.error("reconcile_difference", equation=line.equation, subject=line.subject)
    return report.is_clean
