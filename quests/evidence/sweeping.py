"""The pull that repairs what the push has lost: every few seconds, of each kind that the house
sees, the facts since the last time that are not yet evidence."""

from datetime import datetime, timedelta

from django.utils import timezone

from monitoring.postgresql.turns import turn
from quests.evidence import verifying, withdrawing
from quests.models import Sweep
from quests.requirements.observed import Observed
from quests.requirements.registry import kinds

_TURN = 0x7377_6565_7065_7273  # "sweepers"
# A fact can be older than the commit by which it is seen: two sweeps overlap.
_OVERLAP = timedelta(minutes=2)
# Of a kind that is asked for the first time, and of a service that was away for longer.
_LONGEST = timedelta(days=7)


def sweep() -> int:
    """Returns how many quests were completed. What fails is looked for again the next time: the
    mark moves only when everything before it has been seen."""
    asked = verifying.asked_kinds()
    observed = [kind for kind in kinds().values() if isinstance(kind, Observed)]
    with turn(_TURN) as is_ours:
        if not is_ours:
            return 0  # the last one is still at it
        return sum(_sweep(kind) for kind in observed if kind.name in asked)


def _sweep(kind: Observed) -> int:
    now = timezone.now()
    since = _since(kind.name, now)
    completed = verifying.settle_all(kind.missed(since))
    if changed := kind.spoiled_since(since):
        withdrawing.look_again(kind.name, changed)
    Sweep.objects.update_or_create(kind=kind.name, defaults={"swept_until": now})
    return completed


def _since(kind: str, now: datetime) -> datetime:
    known = Sweep.objects.filter(kind=kind).values_list("swept_until", flat=True).first()
    return max(known or now - _LONGEST, now - _LONGEST) - _OVERLAP
