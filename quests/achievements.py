"""Badges by rule: what a completion's statement gives as it happens, and all of it computed anew.

Both say the same, because both look at nothing but the ledger's sums and the paid completions.
"""

from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction

_DESERVED = """
SELECT player.id AS player_id, badge.id AS achievement_id
FROM accounts_user player
CROSS JOIN quests_achievement badge
LEFT JOIN quests_standing standing ON standing.player_id = player.id AND standing.board = 0
WHERE (%(everybody)s OR player.id = ANY(%(players)s)) AND CASE badge.metric
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
WHERE (%(everybody)s OR earned.player_id = ANY(%(players)s)) AND NOT EXISTS (
    SELECT FROM deserved WHERE deserved.player_id = earned.player_id
    AND deserved.achievement_id = earned.achievement_id)
"""  # noqa: S608 - made of constants
_GIVE = f"""
INSERT INTO quests_earnedachievement (player_id, achievement_id, earned_at)
SELECT player_id, achievement_id, now() FROM ({_DESERVED}) deserved ORDER BY 1, 2
ON CONFLICT (player_id, achievement_id) DO NOTHING
"""  # noqa: S608 - made of constants


@transaction.atomic
def recompute(players: Iterable[int] | None = None) -> tuple[int, int]:
    """(given, taken away), for these players or for everybody."""
    values: dict[str, Any] = {"everybody": players is None, "players": sorted(players or ())}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_AWAY, values)
        taken = cursor.rowcount
        cursor.execute(_GIVE, values)
        return cursor.rowcount, taken
