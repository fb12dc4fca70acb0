"""What the ground floor keeps in PostgreSQL."""

from django.db import models


class IdempotencyKey(models.Model):
    """The answer that a POST with this key got, so that repeating it does nothing again.

    `scope` is a hash of caller, route and key, `fingerprint` one of what was asked: neither the
    key nor the body can be read from here. `body` is NULL when the answer held a secret.
    """

    scope = models.CharField(max_length=64, primary_key=True)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.TextField(null=True)  # noqa: DJ001 (an empty answer is not a withheld one)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = "idempotency key"

    def __str__(self) -> str:
        return f"{self.scope[:12]}… {self.status}"


class StatusDay(models.Model):
    """How many minutes of a day a component was well, limited or down, as observed: minutes in
    which nobody looked are in none of the three. `last_at` is the last minute that is counted."""

    day = models.DateField()
    component = models.CharField(max_length=60)
    healthy = models.PositiveIntegerField(default=0)
    degraded = models.PositiveIntegerField(default=0)
    down = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        verbose_name = "day of status"
        verbose_name_plural = "days of status"
        constraints = [
            models.UniqueConstraint(fields=["day", "component"], name="status_day_component"),
        ]

    def __str__(self) -> str:
        return f"{self.component} {self.day}"


class LimitedCaller(models.Model):
    """Who is being limited now. Redis has the list: there is no table, only the permission to look
    at it."""

    class Meta:
        managed = False
        default_permissions = ("view",)
        verbose_name = "limited caller"

    def __str__(self) -> str:
        return "a limited caller"


class LiveFigures(models.Model):
    """What the processes tell of themselves: no table either."""

    class Meta:
        managed = False
        default_permissions = ("view",)
        verbose_name = verbose_name_plural = "live figures"

    def __str__(self) -> str:
        return "live figures"


class Maintenance(models.Model):
    """The one row that says whether there is maintenance; changed by maintenance.services alone."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    is_on = models.BooleanField(
        "on", default=False, help_text="Nothing new is taken; redirects and reading go on."
    )
    message = models.CharField(max_length=300, blank=True, help_text="What people are told.")
    by = models.CharField(max_length=150, blank=True, editable=False)
    since = models.DateTimeField(auto_now_add=True)
    version = models.PositiveBigIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "maintenance"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="maintenance_is_one"),
        ]

    def __str__(self) -> str:
        return "Maintenance is on" if self.is_on else "No maintenance"
