"""What a health check can know of quests: whether events leave the house, and facts come in."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db.models import Count, Min
from django.utils import timezone

from monitoring.health.report import Check, Status
from monitoring.health.runner import check
from quests.evidence.sweeping import swept_until
from quests.evidence.verifying import asked_kinds
from quests.models import Delivery, OutboxEvent
from quests.requirements.observed import Observed
from quests.requirements.registry import kinds

# The relay looks every second; a minute behind means that nobody relays.
LAG_SECONDS = 60


class Backlog(NamedTuple):
    """How many wait, and for how many seconds the first of them has."""

    waiting: int
    seconds: float


@check(
    hint=f"The oldest event has waited for over {LAG_SECONDS} s: are `workers` and `beat` well? If "
    "they are, the worker's log says why the relay fails.",
)
def check_outbox() -> Check:
    """Degraded when the oldest event has waited for the relay for more than LAG_SECONDS. Deliveries
    that wait are no sign of that: a receiver that is away makes its own wait."""
    events, deliveries = waiting_events(), waiting_deliveries()
    status = Status.DEGRADED if events.seconds > LAG_SECONDS else Status.HEALTHY
    details = {
        "waitingEvents": events.waiting,
        "lagSeconds": round(events.seconds, 1),
        "waitingDeliveries": deliveries.waiting,
        "overdueSeconds": round(deliveries.seconds, 1),
    }
    return Check(status, details=details)


@check(
    hint=f"Facts that no news came of were last looked for over {LAG_SECONDS} s ago: are `workers` "
    "and `beat` well? If they are, the worker's log says why `sweep_evidence` fails.",
)
def check_evidence() -> Check:
    """Degraded when the last sweep for facts was more than LAG_SECONDS ago: what a push has lost
    since then is not paid."""
    seconds = sweep_lag()
    status = Status.DEGRADED if seconds > LAG_SECONDS else Status.HEALTHY
    return Check(status, details={"lagSeconds": round(seconds, 1)})


def sweep_lag() -> float:
    """Seconds since the last sweep; of the kind, among those asked for, that waits for longest."""
    observed = [kind for kind in asked_kinds() if isinstance(kinds().get(kind), Observed)]
    waiting = [swept_until(kind) for kind in observed]
    return max(0.0, (timezone.now() - min(waiting)).total_seconds()) if waiting else 0.0


def waiting_events() -> Backlog:
    waiting = OutboxEvent.objects.filter(relayed_at=None)
    return _backlog(waiting.aggregate(count=Count("*"), oldest=Min("created_at")))


def waiting_deliveries() -> Backlog:
    """The seconds are those by which the first one is overdue: in its pause none is late."""
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING)
    return _backlog(waiting.aggregate(count=Count("*"), oldest=Min("next_try_at")))


def _backlog(found: Mapping[str, Any]) -> Backlog:
    oldest = found["oldest"]
    seconds = (timezone.now() - oldest).total_seconds() if oldest else 0.0
    return Backlog(found["count"], max(0.0, seconds))
