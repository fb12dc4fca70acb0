"""What was said. Numbers in a room have no gaps: a deleted message keeps its number."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from realtime.models.room import Room

MAX_BODY = 4_000
MAX_CLIENT_ID = 64


class Message(models.Model):
    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="messages")
    seq = models.PositiveBigIntegerField()
    public_id = models.UUIDField(unique=True, editable=False)
    # Null when the person has been forgotten.
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    # Chosen by the sender, so that what is sent again is the same message.
    client_id = models.CharField(max_length=MAX_CLIENT_ID, blank=True, default="")
    # Empty once it is deleted.
    body = models.TextField(max_length=MAX_BODY)
    # Ids of the people whose names are in it.
    mentions = ArrayField(models.BigIntegerField(), default=list, blank=True)
    created_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("room", "seq", name="message_number_once"),
            models.UniqueConstraint(
                "room", "sender", "client_id",
                name="message_sent_once", condition=~Q(client_id=""),
            ),
            models.CheckConstraint(
                condition=Q(deleted_at=None) | Q(body=""), name="message_deleted_says_nothing"
            ),
        ]  # fmt: skip
        indexes = [
            # What happened since a moment: messages come in the order of their time.
            BrinIndex("created_at", name="message_by_time", pages_per_range=16),
            models.Index(
                "deleted_at", name="message_deleted", condition=Q(deleted_at__isnull=False)
            ),
            models.Index("edited_at", name="message_edited", condition=Q(edited_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.room_id} #{self.seq}"
