"""The demo's quests leave, with every trace."""

from django.db import connection, transaction
from django.db.models import Q

from links.demo import USERNAME
from quests.demo import story
from quests.demo.cast import everybody
from quests.leaderboard import segments
from quests.models import (
    Achievement,
    AuditEntry,
    Completion,
    Delivery,
    Evidence,
    LedgerEntry,
    OutboxEvent,
    Quest,
    QuotaSlot,
    Raffle,
    RankChange,
    RankSegment,
    Season,
    SeasonRank,
    Standing,
    Webhook,
)


class InUseError(Exception):
    """Why the demo cannot be taken away: a sentence."""


def refuse_in_use() -> None:
    """InUseError when it has become part of a community: what others earned, or what its operator
    did to them, is theirs, and the ledger loses no line of a real person."""
    season = Quest.objects.filter(season__slug__in=story.SEASONS)
    others = LedgerEntry.objects.exclude(player__in=everybody())
    reasons = {
        "lines of other people's XP": others.filter(completion__quest__in=season).count()
        + others.filter(actor__username=USERNAME).count(),
        "quests that are not the demo's": season.exclude(
            title__in=[told.title for told in story.QUESTS]
        ).count(),
    }
    if found := [f"{count} {what}" for what, count in reasons.items() if count]:
        raise InUseError(f"The demo is part of what is real by now: {', '.join(found)}. It stays.")


@transaction.atomic
def clear() -> None:
    """The one case in which lines leave the ledger: its guards are taken down and put up again in
    this very transaction. `refuse_in_use` has been asked before."""
    players = everybody()
    seasons = Season.objects.filter(slug__in=story.SEASONS)
    quests = Quest.objects.filter(season__in=seasons)
    completions = Completion.objects.filter(player__in=players)
    QuotaSlot.objects.filter(quest__in=quests).delete()
    Raffle.objects.filter(slug=story.RAFFLE["slug"]).delete()
    _clear_outbox()
    Achievement.objects.filter(slug__startswith="demo-").delete()
    # Of others too: who has begun one of these quests, and was not paid for it.
    Evidence.objects.filter(Q(player__in=players) | Q(quest__in=quests)).delete()
    _delete_from_ledger([player.pk for player in players])
    QuotaSlot.objects.filter(completion__in=completions).update(completion=None)
    completions.delete()
    Standing.objects.filter(player__in=players).delete()
    SeasonRank.objects.filter(season__in=seasons).delete()
    AuditEntry.objects.filter(actor__username=USERNAME).delete()
    quests.delete()
    boards = list(seasons.values_list("pk", flat=True))
    for model in (RankChange, RankSegment):
        model.objects.filter(board__in=boards).delete()
    seasons.delete()
    players.exclude(username=USERNAME).delete()
    while segments.fold():
        pass


def _clear_outbox() -> None:
    """The end of a season and a draw are told of nobody in particular."""
    players = everybody()
    webhooks = Webhook.objects.filter(owner__in=players)
    events = OutboxEvent.objects.filter(
        Q(player__in=players)
        | Q(kind=OutboxEvent.Kind.SEASON_CLOSED, payload__season__in=list(story.SEASONS))
        | Q(kind=OutboxEvent.Kind.RAFFLE_DRAWN, payload__raffle=story.RAFFLE["slug"])
    )
    Delivery.objects.filter(Q(event__in=events) | Q(webhook__in=webhooks)).delete()
    webhooks.delete()
    events.delete()


def _delete_from_ledger(players: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # ALTER TABLE waits for no deferred check
        cursor.execute("ALTER TABLE quests_ledgerentry DISABLE TRIGGER ledger_append_only")
        cursor.execute("GRANT DELETE ON quests_ledgerentry TO CURRENT_USER")
        cursor.execute("DELETE FROM quests_ledgerentry WHERE player_id = ANY(%s)", [players])
        cursor.execute("REVOKE DELETE ON quests_ledgerentry FROM CURRENT_USER")
        cursor.execute("ALTER TABLE quests_ledgerentry ENABLE TRIGGER ledger_append_only")
