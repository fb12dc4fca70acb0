"""Celery's part of links. Every task may run twice, or late: none holds anything that exists only
as a queued message."""

import time
from datetime import UTC, date, datetime, timedelta

import structlog
from celery import shared_task
from django.conf import settings

from links.clicks import drain, marks, partitions, reconciliation
from links.clicks.orphans import forget_old_orphans
from links.metadata.queue import claim_unchecked
from links.metadata.service import refresh_metadata
from links.services import announce_changes_since_last_time
from monitoring.proofs import keep_proof
from monitoring.redis import durable
from monitoring.regularly import for_a_while

log = structlog.get_logger(__name__)

# A tick drains for as long as there is something, then leaves the worker to others.
DRAIN_SECONDS = 20
METADATA_SECONDS = 20
FORGET_SECONDS = 20
COPY_SECONDS = 40


@shared_task
def drain_clicks() -> int:
    """Move clicks from the stream to the tables until it is empty. Returns how many were new."""
    stored, deadline = 0, time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < deadline:
        drained = drain.drain_once(durable())
        if drained is None or not drained.entries:
            break
        stored += drained.stored
    return stored


@shared_task
def refresh_redirects() -> int:
    """Repeat the news of changed links, should Redis have missed it."""
    return announce_changes_since_last_time()


@shared_task
def fetch_metadata() -> int:
    """Ask the targets of new links for their title, description and favicon. Returns how many."""
    asked, deadline = 0, time.monotonic() + METADATA_SECONDS
    while time.monotonic() < deadline and (link_id := claim_unchecked()) is not None:
        refresh_metadata(link_id)
        asked += 1
    return asked


@shared_task
def keep_partitions() -> None:
    """Partitions for the days to come; away with the days that are past their time."""
    partitions.make_ahead()
    with reconciliation.drain_held():
        dropped = partitions.drop_before(partitions.horizon())
    for_a_while(lambda: marks.forget_before(partitions.horizon()), seconds=FORGET_SECONDS)
    if dropped:
        log.info("click_partitions_dropped", partitions=dropped)
    forget_old_orphans()


@shared_task
def reconcile() -> bool:
    """The nightly check of E1 and E2; a difference is an error in the log."""
    report = reconciliation.reconcile()
    keep_proof("clicks", report.differences)
    for line in report.differences:
        log.error("reconcile_difference", equation=line.equation, subject=line.subject)
    return report.is_clean


@shared_task
def copy_clicks() -> int:
    """Bring what is new to ClickHouse, if there is one. Returns how many clicks."""
    return _copy_since(datetime.now(UTC).date() - timedelta(days=1))


@shared_task
def copy_all_clicks() -> int:
    """Compare every day there ever was, and bring what came late."""
    return _copy_since(date.min)


def _copy_since(day: date) -> int:
    if not settings.CLICKHOUSE_URL:
        return 0
    from links.warehouse.copying import copy

    copied = copy(day, seconds=COPY_SECONDS)
    return copied.clicks if copied else 0
