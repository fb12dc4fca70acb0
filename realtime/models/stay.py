"""Who was in which room, and when: what is left of presence when it is over."""

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from realtime.models.room import Room


class Stay(models.Model):
    """From `began_at` until `seen_at`, `process` held a connection of hers in the room, without a
    break. Two tabs are one stay; in two processes they are two that overlap: `merged_stays`."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="+")
    # Found by the index below.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    # The name that it gave itself when it began: no two have the same one.
    process = models.CharField(max_length=32)
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    # Later than `seen_at` when PostgreSQL was away: whoever looks for what is new looks by this.
    written_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["process", "room", "user", "began_at"], name="stay_once"
            ),
            models.CheckConstraint(
                condition=Q(seen_at__gte=F("began_at")), name="stay_ends_after_it_begins"
            ),
        ]
        indexes = [
            models.Index("user", "room", "began_at", name="stay_of_user_in_room"),
            # Of this sort, because any other would be written anew with every sign of life.
            BrinIndex("written_at", name="stay_by_writing", pages_per_range=16),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.room_id} from {self.began_at} until {self.seen_at}"
