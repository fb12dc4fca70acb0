"""Badges by rule: what a completion's statement gives as it happens, and all of it computed anew.

Both say the same, because both look at nothing but the ledger's sums and the paid completions, and
whoever gives or takes a badge has the player's overall standing locked.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db import connection, transaction

from monitoring.postgresql.retries import retried
from quests.models import OVERALL, EarnedAchievement, Standing

_PLAYERS_AT_ONCE = 1_000

_LOCK = """
SELECT player_id FROM quests_standing WHERE board = 0 AND player_id = ANY(%(players)s)
ORDER BY player_id FOR NO KEY UPDATE
"""
_DESERVED = """
SELECT player.id AS player_id, badge.id AS achievement_id
FROM accounts_user player
CROSS JOIN quests_achievement badge
LEFT JOIN quests_standing standing ON standing.player_id = player.id AND standing.board = 0
WHERE player.id = ANY(%(players)s) AND CASE badge.metric
    WHEN 'xp' THEN badge.threshold <= coalesce(standing.xp, 0)
    WHEN 'completions' THEN badge.threshold <= coalesce(standing.completions, 0)
    WHEN 'category' THEN badge.threshold <= (
        SELECT count(*) FROM quests_completion past JOIN quests_quest q ON q.id = past.quest_id
        WHERE past.player_id = player.id AND past.status = 'paid' AND q.category = badge.category)
    WHEN 'quests' THEN badge.quests <@ coalesce((
        SELECT array_agg(q.number::int)
        FROM quests_completion past JOIN quests_quest q ON q.id = past.quest_id
        WHERE past.player_id = player.id AND past.status = 'paid'), '{}')
    END
"""
_TAKE_AWAY = f"""
WITH deserved AS ({_DESERVED})
DELETE FROM quests_earnedachievement earned
WHERE earned.player_id = ANY(%(players)s) AND NOT EXISTS (
    SELECT FROM deserved WHERE deserved.player_id = earned.player_id
    AND deserved.achievement_id = earned.achievement_id)
"""  # noqa: S608 - made of constants
_GIVE = f"""
INSERT INTO quests_earnedachievement (player_id, achievement_id, completion_id, earned_at)
SELECT player_id, achievement_id, %(completion)s::bigint, now() FROM ({_DESERVED}) deserved
ORDER BY player_id, achievement_id
ON CONFLICT (player_id, achievement_id) DO NOTHING
"""  # noqa: S608 - made of constants


class _Recomputed(NamedTuple):
    players: Sequence[int]
    given: int
    taken: int


def recompute(players: Iterable[int] | None = None) -> tuple[int, int]:
    """(given, taken away), for these players or for everybody.

    Nobody is waited for while others are locked: who has none but one lock is in no deadlock.
    """
    ids = sorted(_everybody() if players is None else players)
    parts = [
        ids[start : start + _PLAYERS_AT_ONCE] for start in range(0, len(ids), _PLAYERS_AT_ONCE)
    ]
    free = [_recompute_free(part) for part in parts if len(ids) > 1]
    busy = set(ids).difference(*(done.players for done in free))
    done = [*free, *(_recompute([player]) for player in sorted(busy))]
    return sum(some.given for some in done), sum(some.taken for some in done)


@retried
def recompute_for(*, player_id: int, completion_id: int) -> list[int]:
    """The achievements' ids that the completion brings after all: its statement was overtaken by
    another one of this player, whose completion it could not see."""
    _recompute([player_id], completion_id)
    earned = EarnedAchievement.objects.filter(completion=completion_id)
    return list(earned.order_by("achievement").values_list("achievement_id", flat=True))


def _everybody() -> set[int]:
    """Who may deserve one, or has one."""
    ranked = Standing.objects.filter(board=OVERALL).values_list("player_id", flat=True)
    return {*ranked, *EarnedAchievement.objects.values_list("player_id", flat=True)}


@transaction.atomic
def _recompute_free(players: Sequence[int]) -> _Recomputed:
    """Of these players, those whom nobody else has locked."""
    with connection.cursor() as cursor:
        # rule: sql - a constant, with two words more
        cursor.execute(f"{_LOCK} SKIP LOCKED", {"players": list(players)})
        return _recompute([player for (player,) in cursor.fetchall()])


@retried
def _recompute(players: Sequence[int], completion_id: int | None = None) -> _Recomputed:
    values = {"players": list(players), "completion": completion_id}
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, values)
        cursor.execute(_TAKE_AWAY, values)
        taken = cursor.rowcount
        cursor.execute(_GIVE, values)
        return _Recomputed(players, cursor.rowcount, taken)
