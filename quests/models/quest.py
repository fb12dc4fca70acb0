"""Seasons, quests, what a quest asks for, and every version of it that players ever saw."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

MAX_XP = 1_000_000
MAX_QUOTA = 100_000


class Season(models.Model):
    """A span of time with a leaderboard of its own. Once closed, its ranks stand for good."""

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=1000, blank=True, default="")
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True)
                | Q(starts_at__isnull=True)
                | Q(ends_at__gt=F("starts_at")),
                name="season_window",
                violation_error_message="A season ends after it starts.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Quest(models.Model):
    """What players do for XP. `version` goes up with every change that a player could notice."""

    class Status(models.TextChoices):
        DRAFT = "draft", "draft"
        PUBLISHED = "published", "published"
        CLOSED = "closed", "closed"

    class Recurrence(models.TextChoices):
        ONCE = "once", "once"
        DAILY = "daily", "every day"
        WEEKLY = "weekly", "every week"

    number = models.PositiveIntegerField(unique=True, validators=[MinValueValidator(1)])
    season = models.ForeignKey(
        Season, on_delete=models.PROTECT, null=True, blank=True, related_name="quests"
    )
    title = models.CharField(max_length=200)
    description = models.CharField(max_length=1000, blank=True, default="")
    content = models.TextField(max_length=50_000, blank=True, default="", help_text="Markdown.")
    category = models.CharField(max_length=50, blank=True, default="")
    estimated_time = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="In minutes."
    )
    xp_reward = models.PositiveIntegerField(validators=[MaxValueValidator(MAX_XP)])
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    quota = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_QUOTA)],
        help_text="Only the first so many players are paid.",
    )
    recurrence = models.CharField(max_length=10, choices=Recurrence, default=Recurrence.ONCE)
    # When a day or a week begins; the same for every player, unlike a streak's days.
    period_zone = models.CharField(max_length=50, default="UTC")
    cooldown_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="Between two completions of a repeating quest."
    )
    # Shape and evaluation: quests.prerequisites.
    prerequisites = models.JSONField(default=dict, blank=True)
    announce_room = models.SlugField(
        max_length=80,
        blank=True,
        default="",
        help_text="The room in which is told, after each completion, how many places are left.",
    )
    hold_completions = models.BooleanField(
        default=False, help_text="XP is paid only once an operator has released it."
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.CheckConstraint(condition=Q(number__gt=0), name="quest_number"),
            models.CheckConstraint(condition=Q(xp_reward__lte=MAX_XP), name="quest_xp"),
            models.CheckConstraint(
                condition=Q(quota__isnull=True) | Q(quota__gt=0, quota__lte=MAX_QUOTA),
                name="quest_quota",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True)
                | Q(starts_at__isnull=True)
                | Q(ends_at__gt=F("starts_at")),
                name="quest_window",
                violation_error_message="A quest ends after it starts.",
            ),
            models.CheckConstraint(
                condition=Q(cooldown_seconds__isnull=True) | ~Q(recurrence="once"),
                name="quest_cooldown_repeats",
                violation_error_message="Only a repeating quest has a cool-down.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number}. {self.title}"


class Requirement(models.Model):
    """One step of a quest. `config` is of its kind's shape: see quests.requirements."""

    quest = models.ForeignKey(Quest, on_delete=models.CASCADE, related_name="requirements")
    # The step's id on the wire; evidence is kept under it, whatever place the step moves to.
    key = models.SlugField(max_length=50)
    kind = models.CharField(max_length=30)
    title = models.CharField(max_length=200)
    position = models.PositiveSmallIntegerField(default=0)
    config = models.JSONField(default=dict, blank=True)
    is_ordered = models.BooleanField(
        default=False, help_text="Only what happens after the step before it is met counts."
    )
    within_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="How soon after that it must begin."
    )

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint("quest", "key", name="requirement_key"),
            models.CheckConstraint(
                condition=Q(within_seconds__isnull=True) | Q(is_ordered=True, within_seconds__gt=0),
                name="requirement_gap_ordered",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class QuestVersion(models.Model):
    """What a quest was from this moment on, and who made it so."""

    quest = models.ForeignKey(Quest, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    definition = models.JSONField()
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-version"]
        constraints = [models.UniqueConstraint("quest", "version", name="quest_version")]

    def __str__(self) -> str:
        return f"{self.quest_id} v{self.version}"


class Achievement(models.Model):
    """A badge. `metric` reaches `threshold`: what is counted is in quests.achievements."""

    class Metric(models.TextChoices):
        XP = "xp", "total XP"
        COMPLETIONS = "completions", "completed quests"
        CATEGORY = "category", "completed quests of a category"
        QUESTS = "quests", "all of these quests"

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True, default="")
    metric = models.CharField(max_length=12, choices=Metric)
    threshold = models.PositiveIntegerField(default=1, validators=[MinValueValidator(1)])
    category = models.CharField(max_length=50, blank=True, default="")
    quests = ArrayField(models.PositiveIntegerField(), default=list, blank=True, size=50)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["metric", "threshold", "slug"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(metric="category") & ~Q(category=""))
                | (~Q(metric="category") & Q(category="")),
                name="achievement_category",
                violation_error_message="A category belongs to the metric of categories alone.",
            ),
            models.CheckConstraint(
                condition=(Q(metric="quests") & Q(quests__len__gt=0))
                | (~Q(metric="quests") & Q(quests__len=0)),
                name="achievement_quests",
                violation_error_message="Quests belong to the metric of quests alone.",
            ),
            models.CheckConstraint(condition=Q(threshold__gt=0), name="achievement_threshold"),
        ]

    def __str__(self) -> str:
        return self.name


class EarnedAchievement(models.Model):
    player: Any = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="achievements"
    )
    achievement = models.ForeignKey(Achievement, on_delete=models.CASCADE, related_name="earned")
    # The one that brought it; null when it was computed anew.
    completion = models.ForeignKey(
        "quests.Completion", on_delete=models.SET_NULL, null=True, related_name="achievements"
    )
    earned_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-earned_at", "-pk"]
        constraints = [
            models.UniqueConstraint("player", "achievement", name="achievement_earned_once")
        ]

    def __str__(self) -> str:
        return f"{self.player_id}: {self.achievement_id}"
