"""Storing messages from where there is no event loop: the API, commands, other apps."""

from collections.abc import Sequence

from django.db import connection
from django.utils import timezone

from accounts.models import User
from monitoring.postgresql.retries import retried
from monitoring.wire.problems import Problem
from realtime.events import announce_message_after_commit
from realtime.facts import announce_after_commit, message_posted
from realtime.messages import statement
from realtime.messages.statement import Draft, Stored
from realtime.models import Message, Room

# Why a message was not stored, by the statement's word for it.
REFUSALS = {
    "room_closed": (409, "This room is closed."),
    "user_inactive": (403, "This account is not active."),
    "not_a_member": (403, "You are not in this room. Join it first; a private one by invitation."),
    "banned": (403, "You are banned from this room."),
    "muted": (403, "You are muted in this room for now."),
}


def post_message(
    *, room: Room, sender: User, body: str, client_id: str = ""
) -> tuple[Message, bool]:
    """The message, and whether it is new: the same `client_id` again is the message that it was.

    Problems: `room_closed` (409); `not_a_member`, `banned`, `muted`, `user_inactive` (403).
    """
    (stored,) = store(room_id=room.pk, drafts=[Draft(sender.pk, body, client_id)])
    if stored.refusal:
        status, detail = REFUSALS[stored.refusal]
        raise Problem(stored.refusal, detail, status=status)
    if stored.seq:  # known already, it may be that nobody was told
        announce_message_after_commit(room.pk, stored.seq)
    if stored.is_new and room.kind != Room.Kind.DIRECT:
        announce_after_commit(message_posted, [str(stored.public_id)])
    message = Message.objects.select_related("sender").get(room=room, seq=stored.seq or 0)
    return message, stored.is_new


@retried
def store(*, room_id: int, drafts: Sequence[Draft]) -> list[Stored]:
    """What became of each draft, in their order. All that are stored follow each other."""
    values = statement.parameters(room=room_id, drafts=drafts, now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(statement.LOCK, values)
        cursor.execute(statement.STORE, values)
        return [statement.read(row) for row in cursor.fetchall()]
