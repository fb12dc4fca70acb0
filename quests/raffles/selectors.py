"""What is read of raffles by everybody."""

from django.db.models import Prefetch, QuerySet

from quests.models import Completion, Raffle, RaffleEntrant, RaffleWinner


def raffles() -> "QuerySet[Raffle]":
    return Raffle.objects.select_related("quest", "season")


def with_winners() -> "QuerySet[Raffle]":
    """Each winner with her completion and her player."""
    winners = RaffleWinner.objects.select_related("completion__player").order_by("place")
    return raffles().prefetch_related(Prefetch("drawn", winners))


def entrants_of(raffle: Raffle) -> "QuerySet[RaffleEntrant]":
    """None before the list is closed."""
    return RaffleEntrant.objects.filter(raffle=raffle).select_related("completion")


def entrant_count(raffle: Raffle) -> int:
    """Before the list is closed, how many would be in it now."""
    if raffle.frozen_at:
        return raffle.entrants.count()
    done = Completion.objects.filter(
        status=Completion.Status.PAID, completed_at__lt=raffle.closes_at
    )
    if raffle.opens_at:
        done = done.filter(completed_at__gte=raffle.opens_at)
    if raffle.quest_id:
        done = done.filter(quest=raffle.quest_id)
    else:
        done = done.filter(quest__season=raffle.season_id)
    return done.values("player").distinct().count()


def unpaid_since(raffle: Raffle) -> int:
    """How many entrants' completions were held or reversed after they had entered."""
    return raffle.entrants.exclude(completion__status=Completion.Status.PAID).count()
