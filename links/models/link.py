"""Links and the campaigns that group them."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q


class Campaign(models.Model):
    """A name that groups links, with figures of its own."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="campaigns"
    )
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint("owner", models.functions.Lower("name"), name="campaign_name"),
        ]

    def __str__(self) -> str:
        return self.name


class RedirectStatus(models.IntegerChoices):
    MOVED_PERMANENTLY = 301
    FOUND = 302
    TEMPORARY = 307
    PERMANENT = 308


class Link(models.Model):
    """One short address and everything that decides where it leads.

    A deleted link stays as a tombstone (`deleted_at`): its slug answers 410 and is never given
    to somebody else, so an address once printed on paper cannot be taken over.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="links"
    )
    campaign = models.ForeignKey(
        Campaign, on_delete=models.SET_NULL, null=True, blank=True, related_name="links"
    )
    # "" is the domain of PUBLIC_URL; others come from LINK_DOMAINS.
    domain = models.CharField(max_length=253, blank=True, default="")
    slug = models.CharField(max_length=128)
    # What two spellings of one slug have in common: see links.slugs.slug_key.
    slug_key = models.CharField(max_length=384, editable=False)
    url = models.TextField(max_length=8192)
    title = models.CharField(max_length=300, blank=True, default="")
    description = models.CharField(max_length=1000, blank=True, default="")
    favicon_url = models.TextField(max_length=2048, blank=True, default="")
    # When title, description and favicon were last asked of the target; null while they are to be.
    metadata_checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    tags = ArrayField(models.CharField(max_length=50), default=list, blank=True, size=20)

    starts_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    expired_url = models.TextField(max_length=8192, blank=True, default="")
    max_clicks = models.PositiveIntegerField(null=True, blank=True)
    max_clicks_per_minute = models.PositiveIntegerField(null=True, blank=True)
    password_hash = models.CharField(max_length=200, blank=True, default="", editable=False)
    redirect_status = models.PositiveSmallIntegerField(
        choices=RedirectStatus, default=RedirectStatus.FOUND
    )
    forward_query = models.BooleanField(default=False)
    crawlable = models.BooleanField(default=False)
    # Query parameters laid over the target's own; keys are utm_source and its siblings.
    utm = models.JSONField(default=dict, blank=True)
    # Shapes and limits of both: links.routing.
    rules = models.JSONField(default=list, blank=True)
    variants = models.JSONField(default=list, blank=True)

    click_count = models.BigIntegerField(default=0, editable=False)
    last_clicked_at = models.DateTimeField(null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    search = models.GeneratedField(
        expression=models.Func(
            F("title"),
            F("description"),
            F("url"),
            F("slug"),
            F("tags"),
            function="links_search_vector",
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        constraints = [
            models.UniqueConstraint("domain", "slug_key", name="link_slug"),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True)
                | Q(starts_at__isnull=True)
                | Q(expires_at__gt=F("starts_at")),
                name="link_window",
            ),
            models.CheckConstraint(
                condition=Q(max_clicks__isnull=True) | Q(max_clicks__gt=0), name="link_max_clicks"
            ),
            models.CheckConstraint(
                condition=Q(max_clicks_per_minute__isnull=True) | Q(max_clicks_per_minute__gt=0),
                name="link_max_clicks_per_minute",
            ),
            models.CheckConstraint(
                condition=Q(redirect_status__in=[301, 302, 307, 308]), name="link_redirect_status"
            ),
        ]
        indexes = [
            models.Index("owner", F("created_at").desc(), F("id").desc(), name="link_newest"),
            models.Index(
                "owner", F("click_count").desc(), F("id").desc(), name="link_most_clicked"
            ),
            models.Index("updated_at", name="link_changed"),
            models.Index(
                "id", name="link_metadata_unchecked", condition=Q(metadata_checked_at=None)
            ),
            GinIndex("tags", name="link_tags"),
            GinIndex("search", name="link_search"),
        ]

    def __str__(self) -> str:
        return f"{self.domain}/{self.slug}"

    @property
    def short_url(self) -> str:
        base = f"https://{self.domain}" if self.domain else settings.PUBLIC_URL
        return f"{base}/{self.slug}"

    @property
    def has_password(self) -> bool:
        return bool(self.password_hash)


class TargetChange(models.Model):
    """One edit of a link's target: who sent its visitors where, and since when."""

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="target_changes")
    url = models.TextField(max_length=8192)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.at:%F} {self.url}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk:
            raise TypeError("A target's history is written once.")
        super().save(*args, **kwargs)


class ClickAllowance(models.Model):
    """How many clicks of a limited link were let through: the judge of `max_clicks`.

    A row of its own, so that a claim never waits for the drain, which updates the link.
    """

    link = models.OneToOneField(
        Link, on_delete=models.CASCADE, primary_key=True, related_name="allowance"
    )
    admitted = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.link_id}: {self.admitted}"
