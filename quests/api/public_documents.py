"""The public answers, and how the OpenAPI document describes them."""

from datetime import datetime
from typing import Any

from accounts.events import PEOPLE
from accounts.models import User
from accounts.selectors import primary_addresses
from monitoring.cache import cacheable
from monitoring.wire.fields import instant
from quests import selectors
from quests.leaderboard import ranking
from quests.levels import level_of
from quests.models import Completion

# Whoever has completed more than this is shown the newest; the count is exact.
MOST_SHOWN = 1_000
# For callers with cookies, whose answers are not kept; a change of what it shows ends it at once.
# Nothing old is given here: the kept answer says how old it is, and would take this for new.
KEPT_SECONDS = 10


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_NUMBER = {"type": "integer"}
_YES_NO = {"type": "boolean"}
_COMPLETED = _object(questId=_NUMBER, questName=_TEXT, completedAt=_TEXT, xpEarned=_NUMBER)
INTERACTION = _object(
    hasInteracted=_YES_NO, walletAddress=_TEXT, username=_TEXT_OR_NULL, totalXP=_NUMBER,
    completedQuests=_list(_COMPLETED), questsCompleted=_NUMBER, registeredAt=_TEXT_OR_NULL,
    lastActiveAt=_TEXT_OR_NULL,
)  # fmt: skip
PROFILE = _object(
    walletAddress=_TEXT, username=_TEXT, totalXP=_NUMBER, level=_NUMBER, rank={
        "type": ["integer", "null"]
    }, questsCompleted=_NUMBER, achievements=_list(_object(id=_TEXT, name=_TEXT, earnedAt=_TEXT)),
    registeredAt=_TEXT, lastActiveAt=_TEXT_OR_NULL,
)  # fmt: skip
EXISTS = _object(exists=_YES_NO, walletAddress=_TEXT)
LEADERBOARD = _object(
    users=_list(_object(
        rank=_NUMBER, walletAddress=_TEXT_OR_NULL, username=_TEXT, totalXP=_NUMBER,
        completedQuests=_NUMBER, achievements=_NUMBER,
    )),
    total=_NUMBER, page=_NUMBER, totalPages=_NUMBER,
)  # fmt: skip
STATS = _object(
    totalUsers=_NUMBER, totalQuests=_NUMBER, totalCompletions=_NUMBER, totalXPAwarded=_NUMBER
)
USER_PROGRESS = _object(
    walletAddress=_TEXT, completedQuests=_list(_COMPLETED), questsCompleted=_NUMBER,
    totalXP=_NUMBER,
)  # fmt: skip
QUEST_STATUS = _object(
    questId=_NUMBER, walletAddress=_TEXT, completed=_YES_NO, completedAt=_TEXT_OR_NULL,
    xpEarned=_NUMBER,
)  # fmt: skip
RECENT = _object(completions=_list(_object(
    walletAddress=_TEXT_OR_NULL, username=_TEXT, questId=_NUMBER, questName=_TEXT,
    completedAt=_TEXT, xpEarned=_NUMBER,
)))  # fmt: skip


def no_interaction(wallet: str) -> dict[str, Any]:
    return {
        "hasInteracted": False,
        "walletAddress": wallet,
        "username": None,
        "totalXP": 0,
        "completedQuests": [],
        "questsCompleted": 0,
        "registeredAt": None,
        "lastActiveAt": None,
    }


def interaction(player: User, wallet: str) -> dict[str, Any]:
    standing = selectors.standing_of(player)
    completed = completed_quests(player)
    return {
        "hasInteracted": True,
        "walletAddress": wallet,
        "username": player.username,
        "totalXP": standing.xp if standing else 0,
        "completedQuests": completed,
        "questsCompleted": standing.completions if standing else 0,
        "registeredAt": instant(player.date_joined),
        "lastActiveAt": instant_or_none(selectors.last_active_at(player)),
    }


def profile(player: User, wallet: str) -> dict[str, Any]:
    standing = selectors.standing_of(player)
    xp = standing.xp if standing else 0
    return {
        "walletAddress": wallet,
        "username": player.username,
        "totalXP": xp,
        "level": level_of(xp),
        "rank": selectors.rank_of(player),
        "questsCompleted": standing.completions if standing else 0,
        "achievements": [
            {"id": row.achievement.slug, "name": row.achievement.name,
             "earnedAt": instant(row.earned_at)}
            for row in selectors.earned_achievements(player)
        ],
        "registeredAt": instant(player.date_joined),
        "lastActiveAt": instant_or_none(selectors.last_active_at(player)),
    }  # fmt: skip


def completed_quests(player: User) -> list[dict[str, Any]]:
    return [_completed(row) for row in selectors.paid_completions(player)[:MOST_SHOWN]]


@cacheable(ttl=KEPT_SECONDS, stale=0, tags=[PEOPLE])
def recent(limit: int) -> list[dict[str, Any]]:
    rows = list(selectors.newest_completions(limit))
    wallets = primary_addresses({row.player_id for row in rows})
    return [
        {
            "walletAddress": wallets.get(row.player_id),
            "username": row.player.username,
            **_completed(row),
        }
        for row in rows
    ]


@cacheable(ttl=KEPT_SECONDS, stale=0, tags=[PEOPLE])
def leaderboard_page(board: int, offset: int, limit: int) -> dict[str, Any]:
    return leaderboard(ranking.page(board, offset=offset, limit=limit), limit)


def leaderboard(page: ranking.Page, limit: int) -> dict[str, Any]:
    ids = [place.player_id for place in page.places]
    wallets, badges = primary_addresses(ids), selectors.achievement_counts(ids)
    names = dict(User.objects.filter(pk__in=ids).values_list("pk", "username"))
    return {
        "users": [
            {
                "rank": place.rank,
                "walletAddress": wallets.get(place.player_id),
                "username": names[place.player_id],
                "totalXP": place.xp,
                "completedQuests": place.completions,
                "achievements": badges.get(place.player_id, 0),
            }
            for place in page.places
        ],
        "total": page.total,
        "page": page.offset // limit + 1,
        "totalPages": -(-page.total // limit),
    }


def instant_or_none(at: datetime | None) -> str | None:
    return instant(at) if at else None


def _completed(row: Completion) -> dict[str, Any]:
    return {
        "questId": row.quest.number,
        "questName": row.quest.title,
        "completedAt": instant(row.completed_at),
        "xpEarned": row.xp,
    }
