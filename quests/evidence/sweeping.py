"""The pull that repairs what the push has lost: every few seconds, of each kind that the house
sees, the facts since the last time that are not yet evidence."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog
from django.db.models import Min
from django.utils import timezone

from monitoring.postgresql.turns import turn
from quests.evidence import verifying, withdrawing
from quests.models import Quest, Sweep
from quests.requirements.observed import Observed, Span
from quests.requirements.registry import kinds

log = structlog.get_logger(__name__)

_TURN = 0x7377_6565_7065_7273  # "sweepers"
# Of all kinds together; the slice that is begun is finished, and each kind has one.
SWEEP_SECONDS = 30.0
SLICE = timedelta(minutes=10)
# A fact can be older than the commit by which it is seen: two sweeps overlap.
_OVERLAP = timedelta(minutes=2)
# Of a service that was away for longer.
_LONGEST = timedelta(days=7)


def sweep() -> int:
    """Returns how many quests were completed. What fails is looked for again the next time: the
    mark moves only when everything before it has been seen."""
    deadline = time.monotonic() + SWEEP_SECONDS
    observed = [kind for kind in kinds().values() if isinstance(kind, Observed)]
    with turn(_TURN) as is_ours:
        if not is_ours:
            return 0  # the last one is still at it
        return sum(_sweep(kind, deadline) for kind in observed)


def _sweep(kind: Observed, deadline: float) -> int:
    now, completed = timezone.now(), 0
    if kind.name not in verifying.asked_kinds():
        _mark(kind, now)  # what came before somebody asked is evidence of nothing
        return 0
    for span in _slices(max(swept_until(kind.name), now - _LONGEST) - _OVERLAP, now):
        completed += _sweep_slice(kind, span)
        _mark(kind, span.until)
        if span.until < now and time.monotonic() > deadline:
            log.info("evidence_sweep_behind", kind=kind.name, until=span.until.isoformat())
            break
    return completed


def _sweep_slice(kind: Observed, span: Span) -> int:
    completed = verifying.settle_all(kind.missed(span))
    if changed := kind.spoiled_in(span):
        withdrawing.look_again(kind.name, changed)
    return completed


def _mark(kind: Observed, moment: datetime) -> None:
    Sweep.objects.update_or_create(kind=kind.name, defaults={"swept_until": moment})


def swept_until(kind: str) -> datetime:
    """What was never looked for has waited since the first quest asks for it."""
    known = Sweep.objects.filter(kind=kind).values_list("swept_until", flat=True).first()
    if known:
        return known
    asking = Quest.objects.filter(requirements__kind=kind).exclude(status=Quest.Status.DRAFT)
    return asking.aggregate(at=Min("created_at"))["at"] or timezone.now()


def _slices(since: datetime, now: datetime) -> Iterator[Span]:
    while since < now:
        until = min(since + SLICE, now)
        yield Span(since, until)
        since = until
