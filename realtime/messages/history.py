"""Reading what was said, by the numbers of the messages."""

from dataclasses import dataclass

from django.db import transaction

from realtime.models import Message, Room

PAGE = 50
MOST = 200


@dataclass(frozen=True, slots=True)
class History:
    """`messages` in their order. `seq` is the room's newest number when they were read, `first_seq`
    the oldest that it still has; `is_complete` says that nothing is missing between them and where
    the reader asked from."""

    seq: int
    first_seq: int
    messages: list[Message]
    is_complete: bool


@transaction.atomic
def read_history(
    *, room: Room, after: int | None = None, before: int | None = None, limit: int = PAGE
) -> History:
    """The newest `limit` messages; or the oldest after `after`; or the newest before `before`."""
    seq, first_seq = Room.objects.values_list("last_seq", "first_seq").get(pk=room.pk)
    # Numbers above are of who was quicker than this reading.
    rows = Message.objects.filter(room=room, seq__lte=seq).select_related("sender")
    if before is not None:
        rows = rows.filter(seq__lt=before)
    if after is None:
        messages = list(rows.order_by("-seq")[:limit])[::-1]
        return History(seq, first_seq, messages, is_complete=True)
    messages = list(rows.filter(seq__gt=after).order_by("seq")[:limit])
    return History(seq, first_seq, messages, is_complete=first_seq <= after + 1 and after <= seq)
