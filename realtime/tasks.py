"""What rooms do in the background: sweeps, so what one run misses, the next one does."""

import time

import structlog
from celery import shared_task

from realtime import reconciliation
from realtime.members import forget_past_mutes
from realtime.messages.retention import forget_old_messages

log = structlog.get_logger(__name__)

FORGET_SECONDS = 20


@shared_task
def forget_messages() -> int:
    """Returns how many messages went. Mutes that are over go with them."""
    forget_past_mutes()
    forgotten, deadline = 0, time.monotonic() + FORGET_SECONDS
    while time.monotonic() < deadline and (some := forget_old_messages()):
        forgotten += some
    return forgotten


@shared_task
def reconcile() -> bool:
    """The nightly check of E5; a difference is an error in the log."""
    report = reconciliation.reconcile()
    for line in report.differences:
        log.error("reconcile_difference", equation=line.equation, subject=line.subject)
    return report.is_clean
