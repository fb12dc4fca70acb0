"""How often somebody may act on quests: a tier for the player, a wider one for her network.

Many players behind one network is normal (a campus, a carrier); one network that acts like
hundreds of players is not.
"""

from django.conf import settings
from rest_framework.request import Request

from accounts.permissions import caller
from accounts.throttling import limit


def limit_player(request: Request) -> None:
    """Problem 429 `rate_limited`."""
    if settings.QUEST_PLAYER_RATE:
        limit(request, group="quests-player", rate=settings.QUEST_PLAYER_RATE,
              key=f"user {caller(request).pk}")  # fmt: skip
    if settings.QUEST_NETWORK_RATE:
        limit(request, group="quests-network", rate=settings.QUEST_NETWORK_RATE)
