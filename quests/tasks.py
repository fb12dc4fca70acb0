"""What quests do in the background. Each is a sweep: what one run misses, the next one does."""

import time

import structlog
from celery import shared_task

from quests import reconciliation
from quests.authoring import services
from quests.leaderboard import segments

log = structlog.get_logger(__name__)

FOLD_SECONDS = 10


@shared_task
def fold_ranks() -> int:
    """Keep the leaderboards' segments small and few. Exactness does not depend on it."""
    folded, deadline = 0, time.monotonic() + FOLD_SECONDS
    while time.monotonic() < deadline and (some := segments.fold()):
        folded += some
    return folded


@shared_task
def close_ended_seasons() -> int:
    return services.close_ended_seasons()


@shared_task
def reconcile() -> bool:
    """The nightly check of E3 and E4; a difference is an error in the log."""
    report = reconciliation.reconcile()
    for line in report.differences:
        log.error("reconcile_difference", equation=line.equation, subject=line.subject)
    return report.is_clean
