"""What leaves the house: events written with their cause, and their way to each webhook."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone


class OutboxEvent(models.Model):
    """Something happened. Written in the transaction that made it happen, relayed afterwards."""

    class Kind(models.TextChoices):
        QUEST_COMPLETED = "quest.completed", "a quest was completed"
        XP_CHANGED = "xp.changed", "XP was awarded, held, released or reversed"
        COMPLETION_REVERSED = "completion.reversed", "what was held will not be paid"
        EVIDENCE_REVIEWED = "evidence.reviewed", "a proof was reviewed"
        SEASON_CLOSED = "season.closed", "a season was closed"
        RAFFLE_DRAWN = "raffle.drawn", "a raffle was drawn"
        APPEAL_DECIDED = "appeal.decided", "an appeal was granted or declined"
        WEBHOOK_TEST = "webhook.test", "a test of a webhook"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=30, choices=Kind)
    # Whom it is about; nobody in particular when null.
    player = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    payload = models.JSONField()
    correlation_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    # Null while it waits for the relay; then into how many deliveries it went.
    relayed_at = models.DateTimeField(null=True)
    deliveries_made = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(relayed_at__isnull=True, deliveries_made__isnull=True)
                | Q(relayed_at__isnull=False, deliveries_made__isnull=False),
                name="outbox_relayed",
            )
        ]
        indexes = [
            models.Index("id", name="outbox_waiting", condition=Q(relayed_at__isnull=True)),
            models.Index("created_at", name="outbox_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"


class Webhook(models.Model):
    """Where somebody wants to hear of events: an operator of all, a player of her own."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="webhooks"
    )
    url = models.TextField(max_length=2048)
    # Empty means every kind.
    events = ArrayField(
        models.CharField(max_length=30, choices=OutboxEvent.Kind), default=list, blank=True
    )
    # Needed in the clear to sign; readable to nobody over the API after it was made.
    secret = models.CharField(max_length=100, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    # The row stays: what went to it can still be accounted for.
    deleted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"webhook {self.public_id}"


class Delivery(models.Model):
    """One event on its way to one webhook."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        DELIVERED = "delivered", "delivered"
        DEAD = "dead", "given up"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    event = models.ForeignKey(OutboxEvent, on_delete=models.CASCADE, related_name="deliveries")
    webhook = models.ForeignKey(Webhook, on_delete=models.PROTECT, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    # Whoever works on it holds it until then; a worker that dies lets it go by that.
    held_until = models.DateTimeField(null=True)
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=50, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint("event", "webhook", name="delivery_once"),
            models.CheckConstraint(
                condition=Q(state="waiting", finished_at__isnull=True)
                | (~Q(state="waiting") & Q(finished_at__isnull=False)),
                name="delivery_finished",
            ),
        ]
        indexes = [
            models.Index("next_try_at", "id", name="delivery_due", condition=Q(state="waiting")),
            # What each webhook has to be sent next, and what is being sent just now.
            models.Index(
                "webhook", "next_try_at", "id", name="delivery_queue", condition=Q(state="waiting")
            ),
            models.Index("webhook", name="delivery_held", condition=Q(held_until__isnull=False)),
            models.Index("webhook", F("created_at").desc(), F("id").desc(), name="delivery_log"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.webhook_id}: {self.state}"


class AuditEntry(models.Model):
    """What an operator did, to what, and why. Written with the deed."""

    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    action = models.CharField(max_length=40)
    subject = models.CharField(max_length=100)
    reason = models.CharField(max_length=500, blank=True, default="")
    detail = models.JSONField(default=dict, blank=True)
    correlation_id = models.CharField(max_length=64, blank=True, default="")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "audit entries"
        ordering = ["-at", "-pk"]
        indexes = [models.Index("subject", F("at").desc(), name="audit_subject")]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"
