"""Clicks as they were seen, and the accounts that prove none is missing."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class Click(models.Model):
    """One counted redirect. Partitioned by day of `at`; rows are only ever inserted.

    `at` is the moment inside the event id (UUIDv7), so the primary key is the id alone in
    effect: the same event always lands in the same partition and cannot be stored twice.
    """

    pk = models.CompositePrimaryKey("event_id", "at")
    event_id = models.UUIDField()
    at = models.DateTimeField()
    link_id = models.BigIntegerField()
    is_bot = models.BooleanField()
    # Daily-salted hash of address and agent; null for bots and for visitors who asked not to be
    # profiled (DNT, GPC). The address itself is never stored.
    visitor = models.BinaryField(max_length=8, null=True)
    country = models.CharField(max_length=2)
    language = models.CharField(max_length=8)
    referrer = models.CharField(max_length=253)
    browser = models.CharField(max_length=60)
    os = models.CharField(max_length=60)
    device = models.CharField(max_length=10)
    variant = models.CharField(max_length=60)
    rule = models.CharField(max_length=60)

    class Meta:
        # The table and its partitions are made by SQL; Django's schema editor knows no PARTITION.
        managed = False
        db_table = "links_click"

    def __str__(self) -> str:
        return str(self.event_id)


class VisitOutcome(models.TextChoices):
    """What became of a click of a personal address."""

    COUNTED = "counted", "Counted"
    BOT = "bot", "A bot's"
    EXPIRED = "expired", "Expired"
    OTHER_LINK = "other_link", "Of another link"
    OTHER_BROWSER = "other_browser", "From another browser"
    FORGED = "forged", "Forged"


class MarkedClick(models.Model):
    """A click of somebody's personal address (links.visits), by the id of the click.

    Only what was counted as a click is here, and no longer than the clicks are. `subject` is what
    those call her who gave her the address; "" when the signature is wrong.
    """

    event_id = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    # When the drain wrote it: whoever looks for what is new looks by this.
    recorded_at = models.DateTimeField(db_default=Now())
    link_id = models.BigIntegerField()
    subject = models.CharField(max_length=64)
    outcome = models.CharField(max_length=16, choices=VisitOutcome)

    class Meta:
        verbose_name = "personal click"
        constraints = [
            models.CheckConstraint(
                condition=Q(subject="", outcome=VisitOutcome.FORGED)
                | ~Q(subject="") & ~Q(outcome=VisitOutcome.FORGED),
                name="marked_click_subject",
            ),
        ]
        indexes = [
            models.Index("subject", "link_id", "at", name="marked_click_of_subject"),
            models.Index(F("at").desc(), name="marked_click_newest"),
            BrinIndex("recorded_at", name="marked_click_recorded", pages_per_range=16),
        ]

    def __str__(self) -> str:
        return f"{self.subject or 'somebody'} at {self.at:%F %T}"


class Visitor(models.Model):
    """A visitor already counted for a link on a day. Partitioned by day like the clicks."""

    pk = models.CompositePrimaryKey("day", "link_id", "visitor")
    day = models.DateField()
    link_id = models.BigIntegerField()
    visitor = models.BinaryField(max_length=8)

    class Meta:
        managed = False
        db_table = "links_visitor"

    def __str__(self) -> str:
        return f"{self.day} {self.link_id}"


class ClickStream(models.Model):
    """Where the drain stands in one click stream; locked by whoever drains it. The row of a stream
    that is none of the settings' any more stays: whatever comes to it is still drained."""

    name = models.CharField(max_length=100, primary_key=True)
    last_id = models.CharField(max_length=40, default="0-0")
    drained_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} at {self.last_id}"


class ClickIssuer(models.Model):
    """One web process's account of clicks: E1 compares what it issued with what arrived.

    `issued` is the issuer's own running count, carried in every batch that it sends. A batch that
    was acknowledged and then lost shows as issued > stored + dropped + what still waits.
    """

    issuer = models.UUIDField(primary_key=True)
    issued = models.BigIntegerField(default=0)
    stored = models.BigIntegerField(default=0)
    dropped = models.BigIntegerField(default=0)
    first_seen = models.DateTimeField(auto_now_add=True)
    last_seen = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.issuer}: {self.stored} of {self.issued}"


class OrphanSlug(models.Model):
    """An address that was asked for and that no link has: a typo in print, or a scanner."""

    domain = models.CharField(max_length=253)
    slug = models.CharField(max_length=384)
    hits = models.BigIntegerField(default=0)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint("domain", "slug", name="orphan_slug")]

    def __str__(self) -> str:
        return f"{self.domain}/{self.slug}"
