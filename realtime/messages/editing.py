"""Changing what was said. A message keeps its number, whatever becomes of it."""

from django.db import transaction
from django.db.models.functions import Upper
from django.utils import timezone

from accounts.models import User
from monitoring.wire.fields import instant
from monitoring.wire.problems import Problem
from realtime import members
from realtime.events import announce_change_after_commit
from realtime.facts import announce_after_commit, message_changed
from realtime.messages.statement import names_in
from realtime.models import Member, Message, Room


@transaction.atomic
def edit_message(*, message: Message, editor: User, body: str) -> Message:
    """Problems: `not_your_message` (403), `message_deleted` (409), and those of who may speak."""
    message = _locked(message)
    if message.sender_id != editor.pk:
        raise Problem("not_your_message", "Only who wrote it can change a message.", status=403)
    members.refuse_silenced(message.room, editor)
    message.body = body
    message.mentions = _mentioned(message)
    message.edited_at = timezone.now()
    message.save(update_fields=["body", "mentions", "edited_at"])
    _announce(message, "message:edited", body=body, editedAt=instant(message.edited_at))
    return message


@transaction.atomic
def delete_message(*, message: Message, actor: User) -> Message:
    """Its own writer, or a moderator of the room; what is left has no words. Twice changes nothing
    more. Problem (403) `not_your_message`."""
    message = _locked(message, deleted=True)
    if message.sender_id != actor.pk and not members.may_moderate(message.room, actor):
        raise Problem("not_your_message", "This message is somebody else's.", status=403)
    if message.deleted_at is None:
        message.body, message.mentions, message.deleted_at = "", [], timezone.now()
        message.save(update_fields=["body", "mentions", "deleted_at"])
        _announce(message, "message:deleted", deletedAt=instant(message.deleted_at))
    return message


def _announce(message: Message, event: str, **data: str) -> None:
    known = {"room": message.room.slug, "seq": message.seq, "id": message.public_id}
    announce_change_after_commit(message.room_id, event, known | data)
    if message.room.kind != Room.Kind.DIRECT:
        announce_after_commit(message_changed, [str(message.public_id)])


def _locked(message: Message, *, deleted: bool = False) -> Message:
    found = (
        Message.objects.select_for_update(of=["self"])
        .select_related("room", "sender")
        .get(pk=message.pk)
    )
    if found.deleted_at and not deleted:
        raise Problem("message_deleted", "This message was deleted.", status=409)
    return found


def _mentioned(message: Message) -> list[int]:
    others = Member.objects.filter(room=message.room, banned_at=None).exclude(
        user=message.sender_id
    )
    present = others.annotate(name=Upper("user__username"))
    return sorted(present.filter(name__in=names_in(message.body)).values_list("user_id", flat=True))
