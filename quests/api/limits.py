"""How often somebody may act on quests: a tier for the player, a wider one for her network.

One network that acts like hundreds of players is not a campus any more.
"""

from rest_framework.request import Request

from accounts.permissions import caller
from accounts.throttling import limit


def limit_player(request: Request) -> None:
    """Problem 429 `rate_limited`."""
    limit(request, tier="quests-player", key=f"user {caller(request).pk}")
    limit(request, tier="quests-network")
