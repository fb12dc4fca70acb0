"""Forgetting what has arrived."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from quests.models import Delivery, OutboxEvent

KEEP = timedelta(days=30)
# Longer, because somebody may still mend her receiver and have them sent again.
KEEP_DEAD = timedelta(days=90)
BATCH = 1_000


def forget_delivered() -> int:
    """Delete old events together with their deliveries; how many events. An event stays while one
    of its deliveries waits, or is dead and young enough; one that was not relayed stays anyway."""
    total, last_id = 0, 0
    while ids := _old_events(after=last_id):
        total, last_id = total + _forget(ids), ids[-1]
    return total


def _old_events(*, after: int) -> list[int]:
    old = OutboxEvent.objects.filter(
        id__gt=after, created_at__lt=timezone.now() - KEEP, relayed_at__isnull=False
    )
    free = old.filter(~Exists(_unfinished())).order_by("id")
    return list(free.values_list("id", flat=True)[:BATCH])


@transaction.atomic
def _forget(ids: list[int]) -> int:
    """Looked at once more under the locks: meanwhile somebody may have had one sent again."""
    locked = OutboxEvent.objects.filter(id__in=ids).select_for_update(skip_locked=True)
    held = list(locked.values_list("id", flat=True))
    events = OutboxEvent.objects.filter(~Exists(_unfinished()), id__in=held)
    forgotten = list(events.values_list("id", flat=True))
    Delivery.objects.filter(event__in=forgotten).delete()
    OutboxEvent.objects.filter(id__in=forgotten).delete()
    return len(forgotten)


def _unfinished() -> QuerySet[Delivery]:
    dead = Q(state=Delivery.State.DEAD, event__created_at__gte=timezone.now() - KEEP_DEAD)
    return Delivery.objects.filter(Q(state=Delivery.State.WAITING) | dead, event=OuterRef("pk"))
