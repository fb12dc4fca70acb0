"""Friends that a player has brought, each once she has completed a quest herself."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Min, Q

from quests.models import Completion, Evidence, Player
from quests.requirements.base import Config, Fact, Kind, Place, only, whole_number

_MOST_LOOKED_AT = 1_000


class Referral(Kind):
    """`{"friends": 3}`. A friend counts from her first paid completion on."""

    name = "referral"
    title = "Bring friends"
    is_answered = False

    def clean(self, config: Config) -> dict[str, Any]:
        only(config, "friends")
        return {"friends": whole_number(config, "friends", 1, at_least=1, at_most=100)}

    def public(self, config: Config) -> dict[str, Any]:
        return {"friends": config["friends"]}

    def needed(self, config: Config) -> int:
        return int(config["friends"])

    def find(self, place: Place) -> Iterable[Fact]:
        paid = Q(user__completions__status=Completion.Status.PAID)
        friends = (
            Player.objects.filter(referred_by=place.player)
            .annotate(since=Min("user__completions__completed_at", filter=paid))
            .filter(since__isnull=False)
            .order_by("since", "pk")
            .values_list("user__public_id", "user__username", "since")
        )
        for public_id, username, since in friends[:_MOST_LOOKED_AT]:
            yield Fact(str(public_id), since, {"friend": username})

    def describe(self, evidence: Evidence) -> str:
        return f"{evidence.payload.get('friend')} completed her first quest"
