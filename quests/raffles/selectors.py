"""What is read of raffles by everybody."""

from django.db.models import Prefetch, QuerySet

from quests.models import Raffle, RaffleEntrant, RaffleWinner


def raffles() -> "QuerySet[Raffle]":
    return Raffle.objects.select_related("quest", "season")


def with_winners() -> "QuerySet[Raffle]":
    """Each winner with her completion and her player."""
    winners = RaffleWinner.objects.select_related("completion__player").order_by("place")
    return raffles().prefetch_related(Prefetch("drawn", winners))


def entrants_of(raffle: Raffle) -> "QuerySet[RaffleEntrant]":
    """None before the draw."""
    return RaffleEntrant.objects.filter(raffle=raffle).select_related("completion")
