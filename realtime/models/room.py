"""Rooms, and who may be in them."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Room(models.Model):
    """A place where people talk. A closed one stays, and is read by nobody but operators."""

    class Kind(models.TextChoices):
        PUBLIC = "public", "public: whoever is signed in comes in"
        PRIVATE = "private", "private: its moderators let people in"
        DIRECT = "direct", "direct: two people"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slug = models.SlugField(max_length=80, unique=True)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PUBLIC)
    name = models.CharField(max_length=100)
    topic = models.CharField(max_length=500, blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    # The number of the newest message. Raised under the row's lock by who stores messages.
    last_seq = models.PositiveBigIntegerField(default=0, editable=False)
    # The number of the oldest message that retention has left: 1 until it takes something.
    first_seq = models.PositiveBigIntegerField(default=1, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(
                condition=Q(first_seq__gte=1, first_seq__lte=F("last_seq") + 1),
                name="room_keeps_the_newest",
            ),
            models.CheckConstraint(
                condition=Q(kind="direct", slug__startswith="direct-")
                | (~Q(kind="direct") & ~Q(slug__startswith="direct-")),
                name="room_direct_by_its_slug",
            ),
        ]
        indexes = [
            models.Index("name", "id", name="room_open_by_name", condition=Q(closed_at=None)),
        ]

    def __str__(self) -> str:
        return self.slug


class Member(models.Model):
    """Somebody in a room, or somebody who may not be: a ban is a row that stays."""

    class Role(models.TextChoices):
        OWNER = "owner", "owner"
        MODERATOR = "moderator", "moderator"
        MEMBER = "member", "member"

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="rooms"
    )
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    joined_at = models.DateTimeField(auto_now_add=True)
    muted_until = models.DateTimeField(null=True, blank=True)
    banned_at = models.DateTimeField(null=True, blank=True)
    # The newest message that she has seen.
    read_seq = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint("room", "user", name="member_once"),
            models.UniqueConstraint("room", name="room_has_one_owner", condition=Q(role="owner")),
            models.CheckConstraint(
                condition=Q(banned_at=None) | Q(role="member"), name="member_banned_has_no_role"
            ),
        ]
        indexes = [models.Index("user", "room", name="member_rooms")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.room_id}: {self.role}"


class Mute(models.Model):
    """What is left of a mute when she who is muted leaves the room: it goes on when she returns."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint("room", "user", name="mute_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.room_id} until {self.until}"
