"""What is read of players: what they have, what they did, what came of it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Count, Max, Prefetch, QuerySet, Sum

from accounts.figures import Figures
from accounts.models import User
from accounts.selectors import primary_addresses
from monitoring.cache import cacheable
from monitoring.postgresql.prepared import fetch_row
from monitoring.wire.fields import instant
from quests.leaderboard import ranking
from quests.levels import level_of
from quests.models import (
    OVERALL,
    Attempt,
    Completion,
    EarnedAchievement,
    Evidence,
    LedgerEntry,
    Player,
    Quest,
    Standing,
)
from quests.prerequisites import Facts

MOST_PROGRESS = 500
_SLUGS = "SELECT array_agg(slug ORDER BY id) FROM quests_achievement WHERE id = ANY(%(ids)s)"


# --- What a player has ----------------------------------------------------------------------------
def facts_of(player: User) -> Facts:
    """What prerequisites ask about. Only what is paid counts."""
    paid = Completion.objects.filter(player=player, status=Completion.Status.PAID)
    earned = EarnedAchievement.objects.filter(player=player)
    return Facts(
        quests=frozenset(paid.values_list("quest__number", flat=True).distinct()),
        achievements=frozenset(earned.values_list("achievement__slug", flat=True)),
        xp=total_xp(player),
    )


def standing_of(player: User) -> Standing | None:
    return Standing.objects.filter(board=OVERALL, player=player).first()


def total_xp(player: User) -> int:
    standing = standing_of(player)
    return standing.xp if standing else 0


def rank_of(player: User) -> int | None:
    return ranking.rank(OVERALL, player.pk)


def figures_of(user_ids: Iterable[int]) -> Mapping[int, Figures]:
    """For accounts, which knows of quests by the setting ACCOUNTS_FIGURES alone."""
    ids = list(user_ids)
    standings = Standing.objects.filter(board=OVERALL, player__in=ids)
    sums = {row.player_id: (row.xp, row.completions) for row in standings}
    badges = achievement_counts(ids)
    return {id_: Figures(*sums.get(id_, (0, 0)), badges.get(id_, 0)) for id_ in ids}


def achievement_counts(user_ids: Iterable[int], *, using: str = DEFAULT_DB_ALIAS) -> dict[int, int]:
    earned = EarnedAchievement.objects.using(using)
    rows = earned.filter(player__in=list(user_ids)).values("player")
    return dict(rows.annotate(count=Count("pk")).values_list("player", "count"))


def earned_achievements(player: User) -> "QuerySet[EarnedAchievement]":
    earned = EarnedAchievement.objects.filter(player=player)
    return earned.select_related("achievement").order_by("-earned_at", "-pk")


def achievement_slugs(ids: Iterable[int]) -> list[str]:
    """In the order in which they were made. Prepared: completions that earn one ask for it."""
    wanted = list(ids)
    if not wanted:
        return []
    return fetch_row(_SLUGS, {"ids": wanted})[0] or []


def own_profile(player: User) -> dict[str, Any]:
    figures = figures_of([player.pk])[player.pk]
    row = Player.objects.filter(user=player).select_related("referred_by").first()
    return {
        "id": player.public_id,
        "username": player.username,
        "wallet_address": primary_addresses([player.pk]).get(player.pk),
        "time_zone": row.time_zone if row else "UTC",
        "referred_by": row.referred_by.username if row and row.referred_by else None,
        "total_xp": figures.total_xp,
        "level": level_of(figures.total_xp),
        "completed_quests": figures.completed_quests,
        "achievements": figures.achievements,
        "version": player.version,
    }


# --- What a player did ----------------------------------------------------------------------------
def paid_completions(player: User) -> "QuerySet[Completion]":
    done = Completion.objects.filter(player=player, status=Completion.Status.PAID)
    return done.select_related("quest").order_by("-completed_at", "-pk")


def newest_completion(player: User, quest_id: int) -> Completion | None:
    return paid_completions(player).filter(quest=quest_id).first()


def newest_completions(limit: int) -> "QuerySet[Completion]":
    paid = Completion.objects.filter(status=Completion.Status.PAID)
    return paid.select_related("quest", "player").order_by("-completed_at", "-pk")[:limit]


def last_active_at(player: User) -> datetime | None:
    """When she last started or completed a quest."""
    times = (
        Completion.objects.filter(player=player).aggregate(at=Max("completed_at"))["at"],
        Attempt.objects.filter(player=player).aggregate(at=Max("started_at"))["at"],
    )
    return max((at for at in times if at), default=None)


def progress_of(player: User) -> list[dict[str, Any]]:
    """What she has started or completed, the newest first."""
    started = {
        (row.quest_id, row.period): row
        for row in Attempt.objects.filter(player=player)
        .select_related("quest")
        .order_by("-pk")[:MOST_PROGRESS]
    }
    done = {
        (row.quest_id, row.period): row
        for row in Completion.objects.filter(player=player)
        .select_related("quest")
        .order_by("-pk")[:MOST_PROGRESS]
    }
    rows = [_progress(started.get(key), done.get(key)) for key in started.keys() | done.keys()]
    rows.sort(key=lambda row: row["completed_at"] or row["started_at"], reverse=True)
    return rows[:MOST_PROGRESS]


def _progress(attempt: Attempt | None, done: Completion | None) -> dict[str, Any]:
    quest = done.quest if done else attempt.quest if attempt else Quest()
    return {
        "quest_id": quest.number,
        "quest_name": quest.title,
        "state": done.status if done else "started",
        "started_at": attempt.started_at if attempt else None,
        "completed_at": done.completed_at if done else None,
        "xp_earned": done.xp if done and done.status == Completion.Status.PAID else 0,
    }


# --- What came of it ------------------------------------------------------------------------------
def first_result(player: User, quest_id: int, period: str) -> dict[str, Any]:
    """What the answer to the completion was: the XP in all as it stood after its own entry."""
    completion = Completion.objects.get(player=player, quest=quest_id, period=period)
    entry = completion.entries.filter(kind=LedgerEntry.Kind.COMPLETION).first()
    until = LedgerEntry.objects.filter(player=player, pk__lte=entry.pk if entry else 0)
    earned = completion.achievements.order_by("achievement_id")
    evidence = completion.evidence.order_by("pk").values_list("public_id", flat=True)
    return {
        "completionId": str(completion.public_id),
        "xpEarned": entry.amount if entry else 0,
        "totalXP": until.aggregate(xp=Sum("amount", default=0))["xp"],
        "achievements": list(earned.values_list("achievement__slug", flat=True)),
        "completedAt": instant(completion.completed_at),
        "status": completion.status,
        "evidence": [str(public_id) for public_id in evidence],
    }


def evidence_ids(ids: Iterable[int]) -> list[UUID]:
    """The public ones, in the order in which the evidence came."""
    wanted = list(ids)
    if not wanted:
        return []
    rows = Evidence.objects.filter(pk__in=wanted).order_by("pk")
    return list(rows.values_list("public_id", flat=True))


def ledger_of(player: User) -> "QuerySet[LedgerEntry]":
    evidence = Evidence.objects.select_related("reviewed_by").order_by("pk")
    return (
        LedgerEntry.objects.filter(player=player)
        .select_related("season", "completion__quest", "reverses", "actor")
        .prefetch_related(Prefetch("completion__evidence", evidence))
    )


@cacheable(ttl=10)
def community_figures() -> dict[str, int]:
    sums = Standing.objects.filter(board=OVERALL).aggregate(
        players=Count("pk"), xp=Sum("xp", default=0), completions=Sum("completions", default=0)
    )
    published = Quest.objects.filter(status=Quest.Status.PUBLISHED)
    return {
        "totalUsers": sums["players"],
        "totalQuests": published.count(),
        "totalCompletions": sums["completions"],
        "totalXPAwarded": sums["xp"],
    }
