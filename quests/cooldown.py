"""The pause between two completions of a repeating quest."""

from datetime import datetime

from django.db.models import Max

from accounts.models import User
from quests.definitions import QuestDefinition
from quests.models import Completion


def cooling_until(player: User, quest: QuestDefinition) -> datetime | None:
    """When the player may complete it again; None when it never made her wait."""
    if not quest.cooldown:
        return None
    done = Completion.objects.filter(player=player, quest=quest.id)
    last: datetime | None = done.aggregate(at=Max("completed_at"))["at"]
    return last + quest.cooldown if last else None
