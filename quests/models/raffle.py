"""Raffles among those who completed a quest, or any quest of a season."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from quests.models.ledger import Completion
from quests.models.quest import Quest, Season

MAX_WINNERS = 1_000


class Raffle(models.Model):
    """Its terms stand from the moment it is made, and with them the commitment: the SHA-256 of a
    seed that nobody is shown before the draw. How one is drawn: quests.raffles.drawing."""

    slug = models.SlugField(max_length=50, unique=True)
    title = models.CharField(max_length=200)
    # Exactly one of the two.
    quest = models.ForeignKey(
        Quest, on_delete=models.PROTECT, null=True, blank=True, related_name="raffles"
    )
    season = models.ForeignKey(
        Season, on_delete=models.PROTECT, null=True, blank=True, related_name="raffles"
    )
    winners = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(MAX_WINNERS)],
        help_text="How many there will be; with fewer entrants, all of them win.",
    )
    opens_at = models.DateTimeField(
        null=True, blank=True, help_text="What was completed before does not enter."
    )
    closes_at = models.DateTimeField(help_text="What is completed from then on does not enter.")
    # In hexadecimal, shown to everybody from the beginning.
    commitment = models.CharField(max_length=64, editable=False)
    # In the clear, since it must come back exactly: a column that no page, answer, list, event or
    # log renders before `drawn_at`. Whoever reads the database reads it too; against them there is
    # the beacon, which nobody knows in advance.
    seed = models.BinaryField(max_length=32, editable=False)
    beacon_source = models.CharField(
        max_length=200,
        blank=True,
        default="",
        help_text="Public randomness of a moment after the close, named in advance, such as: "
        "drand quicknet, round 4,000,000. Nobody, not even we, can then know the result before.",
    )
    beacon = models.CharField(max_length=500, blank=True, default="", editable=False)
    # When the list of entrants was closed: neither a payment nor a reversal changes it since.
    frozen_at = models.DateTimeField(null=True, editable=False)
    drawn_at = models.DateTimeField(null=True, editable=False)
    entrants_digest = models.CharField(max_length=64, blank=True, default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(quest__isnull=False, season__isnull=True)
                | Q(quest__isnull=True, season__isnull=False),
                name="raffle_of_one",
                violation_error_message="A raffle is of a quest or of a season: of exactly one.",
            ),
            models.CheckConstraint(
                condition=Q(winners__gte=1, winners__lte=MAX_WINNERS), name="raffle_winners"
            ),
            models.CheckConstraint(
                condition=Q(opens_at__isnull=True) | Q(closes_at__gt=F("opens_at")),
                name="raffle_window",
                violation_error_message="A raffle closes after it opens.",
            ),
            models.CheckConstraint(
                condition=Q(drawn_at__isnull=True, beacon="")
                | Q(drawn_at__isnull=False, frozen_at__isnull=False),
                name="raffle_drawn",
            ),
            models.CheckConstraint(
                condition=Q(frozen_at__isnull=True, entrants_digest="")
                | (Q(frozen_at__isnull=False) & ~Q(entrants_digest="")),
                name="raffle_frozen",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class RaffleEntrant(models.Model):
    """Who was in it when its list was closed, whatever became of her completion since."""

    raffle = models.ForeignKey(Raffle, on_delete=models.CASCADE, related_name="entrants")
    # From 1, in the order of the completions' public ids: the order that is drawn from.
    number = models.PositiveIntegerField()
    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint("raffle", "number", name="raffle_entrant_number"),
            models.UniqueConstraint("raffle", "completion", name="raffle_entrant_once"),
        ]

    def __str__(self) -> str:
        return f"{self.number} of {self.raffle_id}"


class RaffleWinner(models.Model):
    raffle = models.ForeignKey(Raffle, on_delete=models.CASCADE, related_name="drawn")
    place = models.PositiveSmallIntegerField()
    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["place"]
        constraints = [
            models.UniqueConstraint("raffle", "place", name="raffle_winner_place"),
            models.UniqueConstraint("raffle", "completion", name="raffle_winner_once"),
        ]

    def __str__(self) -> str:
        return f"place {self.place} of {self.raffle_id}"
