"""Completions, the XP ledger, standings, and the quota's slots.

A ledger entry is written once: the database refuses to change or delete one, by permission and by
trigger (migration 0002). Everything else here can be computed anew from it.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from quests.models.quest import Quest, Season

OVERALL = 0


class Completion(models.Model):
    """A player did a quest, once a period: the unique constraint is the judge of that."""

    class Status(models.TextChoices):
        PAID = "paid", "paid"
        HELD = "held", "held for review"
        REVERSED = "reversed", "reversed"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    player = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="completions"
    )
    quest = models.ForeignKey(Quest, on_delete=models.PROTECT, related_name="completions")
    # "", a day (2031-05-01) or a week (2031-W18).
    period = models.CharField(max_length=10, blank=True, default="")
    quest_version = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=Status)
    xp = models.PositiveIntegerField()
    completed_at = models.DateTimeField()
    # Why it is held, or was reversed.
    reason = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint("player", "quest", "period", name="completion_once_a_period"),
            models.CheckConstraint(
                condition=Q(status="paid") | ~Q(reason=""), name="completion_reason"
            ),
        ]
        indexes = [
            models.Index(F("completed_at").desc(), F("id").desc(), name="completion_newest"),
            models.Index(
                "player", F("completed_at").desc(), F("id").desc(), name="completion_of_player"
            ),
            models.Index("quest", "completed_at", name="completion_of_quest"),
        ]

    def __str__(self) -> str:
        return f"completion {self.public_id}"


class LedgerEntry(models.Model):
    """One line of XP. `amount` counts on the overall board, and on the season's when it has one."""

    class Kind(models.TextChoices):
        COMPLETION = "completion", "quest completed"
        AWARD = "award", "awarded"
        HOLD = "hold", "held back"
        RELEASE = "release", "released"
        REVERSAL = "reversal", "reversed"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    player = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="ledger"
    )
    season = models.ForeignKey(Season, on_delete=models.PROTECT, null=True, related_name="ledger")
    kind = models.CharField(max_length=10, choices=Kind)
    amount = models.IntegerField()
    # By how much the number of completed quests changes: 1, 0 or -1.
    completions = models.SmallIntegerField(default=0)
    completion = models.ForeignKey(
        Completion, on_delete=models.PROTECT, null=True, related_name="entries"
    )
    # The entry that this one takes back; an entry is taken back once.
    reverses = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="reversed_by"
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reason = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = [
            models.CheckConstraint(
                condition=Q(completions__in=[-1, 0, 1]), name="ledger_completions"
            ),
            models.CheckConstraint(
                condition=Q(kind="completion") | (Q(actor__isnull=False) & ~Q(reason="")),
                name="ledger_correction_has_author_and_reason",
            ),
            models.CheckConstraint(
                condition=Q(kind="award") | Q(completion__isnull=False) | Q(kind="reversal"),
                name="ledger_entry_has_cause",
            ),
        ]
        indexes = [
            models.Index("player", F("id").desc(), name="ledger_of_player"),
            models.Index("completion", name="ledger_of_completion"),
        ]

    def __str__(self) -> str:
        return f"{self.amount:+d} XP, {self.get_kind_display()}"


class Standing(models.Model):
    """A player's sums on one board: OVERALL, or a season by its primary key.

    Rank order is by XP, then by `last_entry`: of two with the same XP, who got there first. A
    trigger notes every change for the board's segments (quests.leaderboard).
    """

    pk = models.CompositePrimaryKey("board", "player")
    board = models.BigIntegerField()
    player = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="standings"
    )
    xp = models.BigIntegerField()
    completions = models.IntegerField()
    # The newest ledger entry that is in these sums.
    last_entry = models.BigIntegerField()
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index("board", F("xp") * -1, "last_entry", name="standing_rank")]

    def __str__(self) -> str:
        return f"{self.player_id} on {self.board}: {self.xp} XP"


class RankChange(models.Model):
    """A player left (-1) or took (+1) a place in a board's order; not yet in its segments."""

    board = models.BigIntegerField()
    debt = models.BigIntegerField()
    last_entry = models.BigIntegerField()
    change = models.SmallIntegerField()

    class Meta:
        indexes = [models.Index("board", "debt", "last_entry", name="rank_change_place")]

    def __str__(self) -> str:
        return f"{self.change:+d} on {self.board}"


class RankSegment(models.Model):
    """How many players stand from this place of a board's order up to the next segment's."""

    pk = models.CompositePrimaryKey("board", "debt", "last_entry")
    board = models.BigIntegerField()
    # XP with the sign turned, so that the order of ranks is the order of the index.
    debt = models.BigIntegerField()
    last_entry = models.BigIntegerField()
    players = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.players} players on {self.board}"


class SeasonRank(models.Model):
    """Where a player stood when the season was closed."""

    season = models.ForeignKey(Season, on_delete=models.PROTECT, related_name="ranks")
    player = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="season_ranks"
    )
    rank = models.PositiveIntegerField()
    xp = models.BigIntegerField()
    completions = models.IntegerField()

    class Meta:
        ordering = ["rank"]
        constraints = [
            models.UniqueConstraint("season", "player", name="season_rank_of_player"),
            models.UniqueConstraint("season", "rank", name="season_rank_once"),
        ]

    def __str__(self) -> str:
        return f"{self.rank} in {self.season_id}"


class QuotaSlot(models.Model):
    """One of the first N places of a quest. A free one has no completion."""

    quest = models.ForeignKey(Quest, on_delete=models.PROTECT, related_name="slots")
    completion = models.OneToOneField(
        Completion, on_delete=models.PROTECT, null=True, related_name="slot"
    )

    class Meta:
        indexes = [
            models.Index("quest", "id", name="slot_free", condition=Q(completion__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.quest_id}: {'free' if self.completion_id is None else 'taken'}"
