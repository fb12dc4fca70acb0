"""A second look at a completion that was not paid, asked for by its player."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from quests.models.ledger import Completion


class Appeal(models.Model):
    """A player asks for a second look at a completion that is held or was reversed; once."""

    class State(models.TextChoices):
        OPEN = "open", "open"
        GRANTED = "granted", "granted"
        DECLINED = "declined", "declined"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    completion = models.OneToOneField(Completion, on_delete=models.PROTECT, related_name="appeal")
    player = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="appeals"
    )
    text = models.TextField(max_length=2_000)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    # For the player to read.
    note = models.CharField(max_length=400, blank=True, default="")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    # What paid it, when it was granted and there was something left to pay.
    entry = models.OneToOneField(
        "quests.LedgerEntry", on_delete=models.PROTECT, null=True, related_name="appeal"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # Guards a decision against a second one on the same page.
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="open", decided_at__isnull=True)
                | (~Q(state="open") & Q(decided_at__isnull=False) & ~Q(note="")),
                name="appeal_decided",
            )
        ]
        indexes = [
            models.Index("created_at", "id", name="appeal_queue", condition=Q(state="open")),
            models.Index("player", F("created_at").desc(), F("id").desc(), name="appeal_of_player"),
        ]

    def __str__(self) -> str:
        return f"appeal {self.public_id}"
