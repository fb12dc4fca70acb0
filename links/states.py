"""What a link does just now, in a word: for pages and the admin."""

from datetime import datetime
from enum import Enum

from django.utils import timezone

from links.models import Link


class LinkState(Enum):
    """(word for people, tone of its badge)."""

    ACTIVE = ("Active", "good")
    SCHEDULED = ("Scheduled", "info")
    ENDED = ("Ended", "quiet")
    USED_UP = ("Used up", "warn")
    DELETED = ("Deleted", "bad")

    @property
    def label(self) -> str:
        return self.value[0]

    @property
    def tone(self) -> str:
        return self.value[1]


def state_of(link: Link, now: datetime | None = None) -> LinkState:
    """In the order in which the redirect asks. Lists should select `allowance` along."""
    now = now or timezone.now()
    if link.deleted_at is not None:
        return LinkState.DELETED
    if link.starts_at is not None and now < link.starts_at:
        return LinkState.SCHEDULED
    if link.expires_at is not None and now >= link.expires_at:
        return LinkState.ENDED
    return LinkState.USED_UP if is_used_up(link) else LinkState.ACTIVE


def is_used_up(link: Link) -> bool:
    return link.max_clicks is not None and admitted(link) >= link.max_clicks


def admitted(link: Link) -> int:
    """Clicks let through. The allowance is the judge: it knows of those that no drain has stored
    yet. A link that never had a limit has none."""
    return link.allowance.admitted if hasattr(link, "allowance") else 0
