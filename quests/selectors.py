"""What is read of players: what they have, what they did, what came of it."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Count, QuerySet, Sum

from accounts.figures import Figures
from accounts.models import User
from monitoring.wire.fields import instant
from quests.models import (
    OVERALL,
    Completion,
    EarnedAchievement,
    LedgerEntry,
    Standing,
)
from quests.prerequisites import Facts


def facts_of(player: User) -> Facts:
    """What prerequisites ask about. Only what is paid counts."""
    paid = Completion.objects.filter(player=player, status=Completion.Status.PAID)
    earned = EarnedAchievement.objects.filter(player=player)
    return Facts(
        quests=frozenset(paid.values_list("quest__number", flat=True).distinct()),
        achievements=frozenset(earned.values_list("achievement__slug", flat=True)),
        xp=total_xp(player),
    )


def total_xp(player: User) -> int:
    standing = Standing.objects.filter(board=OVERALL, player=player)
    return standing.values_list("xp", flat=True).first() or 0


def first_result(player: User, quest_id: int, period: str) -> dict[str, Any]:
    """What the answer to the completion was: the XP in all as it stood after its own entry."""
    completion = (
        Completion.objects.filter(player=player, quest=quest_id, period=period)
        .prefetch_related("evidence")
        .get()
    )
    entry = completion.entries.filter(kind=LedgerEntry.Kind.COMPLETION).first()
    total = LedgerEntry.objects.filter(player=player, pk__lte=entry.pk if entry else 0)
    earned = EarnedAchievement.objects.filter(completion=completion).select_related("achievement")
    return {
        "completionId": str(completion.public_id),
        "xpEarned": entry.amount if entry else 0,
        "totalXP": total.aggregate(xp=Sum("amount", default=0))["xp"],
        "achievements": [row.achievement.slug for row in earned.order_by("achievement_id")],
        "completedAt": instant(completion.completed_at),
        "status": completion.status,
        "evidence": [str(row.public_id) for row in completion.evidence.order_by("pk")],
    }


def figures_of(user_ids: Iterable[int]) -> Mapping[int, Figures]:
    """For accounts, which knows of quests by the setting ACCOUNTS_FIGURES alone."""
    ids = list(user_ids)
    standings = {
        row.player_id: row for row in Standing.objects.filter(board=OVERALL, player__in=ids)
    }
    badges = achievement_counts(ids)
    return {
        id_: Figures(
            total_xp=standings[id_].xp if id_ in standings else 0,
            completed_quests=standings[id_].completions if id_ in standings else 0,
            achievements=badges.get(id_, 0),
        )
        for id_ in ids
    }


def achievement_counts(user_ids: Iterable[int]) -> dict[int, int]:
    rows = EarnedAchievement.objects.filter(player__in=list(user_ids))
    return dict(
        rows.values_list("player").annotate(count=Count("pk")).values_list("player", "count")
    )


def paid_completions(player: User) -> "QuerySet[Completion]":
    return (
        Completion.objects.filter(player=player, status=Completion.Status.PAID)
        .select_related("quest")
        .order_by("-completed_at", "-pk")
    )
