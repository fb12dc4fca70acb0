"""What a player did towards a quest: when she started, what she sent, what speaks for her."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from quests.models.quest import Quest


class Player(models.Model):
    """What quests alone need to know of a user. Made when it is first needed."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="player"
    )
    # The days of a streak are the days of this zone.
    time_zone = models.CharField(max_length=50, default="UTC")
    # Who brought her here, said once.
    referred_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(referred_by__isnull=True) | ~Q(referred_by=F("user")),
                name="player_refers_another",
            )
        ]

    def __str__(self) -> str:
        return str(self.user_id)


class Attempt(models.Model):
    """A player is at a quest, this time round."""

    player = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="attempts"
    )
    quest = models.ForeignKey(Quest, on_delete=models.CASCADE, related_name="attempts")
    period = models.CharField(max_length=10, blank=True, default="")
    started_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("player", "quest", "period", name="attempt_once_a_period")
        ]

    def __str__(self) -> str:
        return f"{self.player_id} at {self.quest_id} {self.period}".rstrip()


class StepTries(models.Model):
    """How often an answer to a step was wrong: the bound on guessing."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="tries")
    step = models.SlugField(max_length=50)
    wrong = models.PositiveIntegerField(default=0)
    # Wrong ones since the last pause; at the limit, the next pause begins.
    wrong_in_a_row = models.PositiveIntegerField(default=0)
    closed_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint("attempt", "step", name="step_tries_once")]

    def __str__(self) -> str:
        return f"{self.step}: {self.wrong} wrong"


class Evidence(models.Model):
    """One fact that speaks for a player at a step: seen by us, asserted by a trusted service, or
    sent by herself and reviewed. It counts for one completion at most."""

    class State(models.TextChoices):
        VERIFIED = "verified", "verified"
        PENDING = "pending", "waiting for review"
        REJECTED = "rejected", "rejected"
        WITHDRAWN = "withdrawn", "withdrawn"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    player = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="evidence"
    )
    quest = models.ForeignKey(Quest, on_delete=models.PROTECT, related_name="evidence")
    step = models.SlugField(max_length=50)
    period = models.CharField(max_length=10, blank=True, default="")
    kind = models.CharField(max_length=30)
    # The fact's name where it comes from: the same fact twice is one row.
    source_id = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State)
    # What may be shown to the player and to operators; never an answer, never a secret.
    payload = models.JSONField(default=dict, blank=True)
    occurred_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    completion = models.ForeignKey(
        "quests.Completion", on_delete=models.PROTECT, null=True, related_name="evidence"
    )
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True)
    review_note = models.CharField(max_length=500, blank=True, default="")
    # Guards a review against a second one on the same page.
    version = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name_plural = "evidence"
        constraints = [
            models.UniqueConstraint(
                "quest", "step", "kind", "player", "source_id", name="evidence_source_once"
            ),
            models.CheckConstraint(
                # What was withdrawn after it was paid for stays with what it had paid.
                condition=Q(completion__isnull=True) | Q(state__in=["verified", "withdrawn"]),
                name="evidence_counts_when_verified",
            ),
        ]
        indexes = [
            models.Index("player", "quest", "period", name="evidence_of_player"),
            models.Index("created_at", "id", name="evidence_queue", condition=Q(state="pending")),
            models.Index("completion", name="evidence_of_completion"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state} for step {self.step}"


class Challenge(models.Model):
    """A word that was shown to one player alone, to be typed while she is where she says she is."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="challenges")
    step = models.SlugField(max_length=50)
    word = models.CharField(max_length=20)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["asked_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True) | Q(answered_at__lte=F("expires_at")),
                name="challenge_answered_in_time",
            )
        ]
        indexes = [models.Index("attempt", "step", "asked_at", name="challenge_of_attempt")]

    def __str__(self) -> str:
        return f"{self.step} at {self.asked_at:%F %T}"


class Sweep(models.Model):
    """Up to which moment a kind's facts have been looked for again, should news of one be lost."""

    kind = models.CharField(max_length=30, primary_key=True)
    swept_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind} until {self.swept_until:%F %T}"


class Proof(models.Model):
    """What a player sent to be looked at. An image lies in the database, so that it is in the same
    transaction and the same backup; 5 MB at most, and never served inline."""

    class Form(models.TextChoices):
        TEXT = "text", "text"
        LINK = "link", "link"
        IMAGE = "image", "image"

    evidence = models.OneToOneField(
        Evidence, on_delete=models.CASCADE, primary_key=True, related_name="proof"
    )
    form = models.CharField(max_length=5, choices=Form)
    text = models.TextField(max_length=5_000, blank=True, default="")
    image = models.BinaryField(null=True)
    content_type = models.CharField(max_length=50, blank=True, default="")
    # Of what was sent, folded: two proofs with one digest are the same proof.
    digest = models.BinaryField(max_length=32)
    # The first evidence with this digest, when somebody else sent it before.
    duplicate_of = models.ForeignKey(
        Evidence, on_delete=models.SET_NULL, null=True, related_name="duplicates"
    )

    class Meta:
        indexes = [models.Index("digest", name="proof_digest")]

    def __str__(self) -> str:
        return f"{self.form} proof"
