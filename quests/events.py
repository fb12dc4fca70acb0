"""What quests announce after a commit, to those who keep copies."""

from typing import Any

from django.db.models.signals import post_delete, post_save

from monitoring.responses import tags
from quests.models import Achievement, Quest, Requirement, Season

# The tag of what there is to do: quests, seasons, achievements.
CATALOGUE = "quests"


def connect() -> None:
    """Called once, when the apps are ready."""
    for model in (Quest, Requirement, Season, Achievement):
        for signal in (post_save, post_delete):
            signal.connect(_announce, sender=model, dispatch_uid=f"quests.events.{model.__name__}")


def _announce(**_: Any) -> None:
    tags.forget_after_commit(CATALOGUE)
