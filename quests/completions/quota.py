"""The first N: one row a place, so that claimers lock different rows and nobody waits in a line."""

from collections.abc import Sequence

from django.db import connection

from quests.models import Completion, QuotaSlot

_CLAIM = """
UPDATE quests_quotaslot SET completion_id = %s
WHERE id = (
    SELECT id FROM quests_quotaslot WHERE quest_id = %s AND completion_id IS NULL
    ORDER BY id LIMIT 1 FOR UPDATE {}
)
"""


def is_sold_out(quest_id: int) -> bool:
    """What is committed by now; a claim in flight may still be rolled back."""
    return not QuotaSlot.objects.filter(quest=quest_id, completion=None).exists()


def claim(quest_id: int, completion_id: int) -> bool:
    """Whether a place was left. The last thing a transaction does, so that a place is locked for
    the time of a commit only.

    A free place that somebody holds just now is passed over first. When all are, we wait for each
    in turn: only if every one of them was committed to somebody is the quest sold out.
    """
    with connection.cursor() as cursor:
        for wait in ("SKIP LOCKED", ""):
            # rule: sql - one of the two texts above
            cursor.execute(_CLAIM.format(wait), [completion_id, quest_id])
            if cursor.rowcount:
                return True
    return False


def release(completion_id: int) -> None:
    """The place goes to whoever comes next."""
    QuotaSlot.objects.filter(completion=completion_id).update(completion=None)


def places_left(quest_id: int) -> int:
    """What is committed by now."""
    return QuotaSlot.objects.filter(quest=quest_id, completion=None).count()


def resize(quest_id: int, quota: int | None) -> bool:
    """Make or remove free places; whoever completed the quest before it had a quota takes one.
    False when more are taken than there should be. The caller holds the quest's row for update."""
    slots = QuotaSlot.objects.filter(quest=quest_id)
    if quota is None:
        slots.filter(completion=None).delete()
        return True
    placeless = Completion.objects.filter(quest=quest_id, slot=None)
    early = list(placeless.exclude(status=Completion.Status.REVERSED).values_list("pk", flat=True))
    _make(quest_id, early)
    taken = slots.filter(completion__isnull=False).count()
    free = slots.filter(completion=None).select_for_update().order_by("-id")
    surplus = free.values_list("pk", flat=True)[max(0, quota - taken) :]
    slots.filter(pk__in=list(surplus)).delete()
    _make(quest_id, [None] * (quota - slots.count()))
    return taken <= quota


def _make(quest_id: int, completions: Sequence[int | None]) -> None:
    QuotaSlot.objects.bulk_create(
        (QuotaSlot(quest_id=quest_id, completion_id=completion) for completion in completions),
        batch_size=5_000,
    )
