"""What links tells Prometheus at each scrape; registered when the app is ready."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Sum
from django.utils import timezone

from links.health import stream_lag
from links.models import ClickIssuer, MarkedClick, OrphanSlug, VisitOutcome
from links.redirect.spool import Spool
from monitoring.metrics import gauge


@gauge("rallypoint_click_stream", "Clicks' way to the tables.", labels=("measure",))
def click_stream() -> dict[tuple[str, ...], float]:
    entries, seconds = stream_lag()
    return {("waiting_batches",): entries, ("lag_seconds",): seconds}


@gauge("rallypoint_click_spool_bytes", "Clicks on this machine's disk, because Redis was away.")
def spool_bytes() -> float:
    return Spool(settings.SPOOL_DIR, max_bytes=0).size()


@gauge("rallypoint_clicks", "Clicks by what became of them (E1).", labels=("account",))
def clicks() -> dict[tuple[str, ...], float]:
    accounts = ("issued", "stored", "dropped")
    sums = ClickIssuer.objects.aggregate(**{name: Sum(name, default=0) for name in accounts})
    return {(name,): float(sums[name]) for name in accounts}


@gauge("rallypoint_orphan_slugs", "Addresses asked for lately that no link has.")
def orphan_slugs() -> float:
    return OrphanSlug.objects.count()


@gauge(
    "rallypoint_personal_clicks",
    "Clicks of personal addresses in the last hour, by what became of them.",
    labels=("outcome",),
)
def personal_clicks() -> dict[tuple[str, ...], float]:
    """From the rows: workers store them, and nobody scrapes a worker."""
    recent = MarkedClick.objects.filter(at__gte=timezone.now() - timedelta(hours=1))
    found = dict(recent.values_list("outcome").annotate(Count("event_id")))
    return {(outcome,): float(found.get(outcome, 0)) for outcome in VisitOutcome.values}
