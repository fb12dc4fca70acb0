"""Standings and segments from nothing but the ledger."""

from typing import NamedTuple

from django.db import connection

from accounts.events import PEOPLE
from monitoring.cache import cache_invalidate
from monitoring.postgresql.retries import retried
from quests import achievements
from quests.leaderboard import segments

# What the standings must be: each entry counts on the overall board, and on its season's.
TRUTH = """
SELECT board, player_id, sum(amount)::bigint AS xp, sum(completions)::int AS completions,
    max(id) AS last_entry
FROM (
    SELECT 0::bigint AS board, player_id, amount, completions, id FROM quests_ledgerentry
    UNION ALL
    SELECT season_id, player_id, amount, completions, id FROM quests_ledgerentry
    WHERE season_id IS NOT NULL
) line GROUP BY 1, 2
"""

_SET_RIGHT = f"""
INSERT INTO quests_standing AS known (board, player_id, xp, completions, last_entry, updated_at)
SELECT board, player_id, xp, completions, last_entry, now() FROM ({TRUTH}) truth
ON CONFLICT (board, player_id) DO UPDATE SET xp = excluded.xp,
    completions = excluded.completions, last_entry = excluded.last_entry, updated_at = now()
WHERE (known.xp, known.completions, known.last_entry)
    IS DISTINCT FROM (excluded.xp, excluded.completions, excluded.last_entry)
"""  # noqa: S608 - made of constants
_REMOVE = f"""
DELETE FROM quests_standing known WHERE NOT EXISTS (
    SELECT FROM ({TRUTH}) truth
    WHERE truth.board = known.board AND truth.player_id = known.player_id)
"""  # noqa: S608 - made of constants


class Rebuilt(NamedTuple):
    standings: int
    segments: int
    achievements_given: int
    achievements_taken: int


@cache_invalidate(tags=[PEOPLE])
def rebuild() -> Rebuilt:
    """Set right what differs. Completions wait while the standings are compared."""
    return Rebuilt(_set_standings_right(), segments.rebuild(), *achievements.recompute())


@retried
def _set_standings_right() -> int:
    """Whoever corrects several players in one transaction may have to wait for us in its middle."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '30s'")
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("LOCK TABLE quests_ledgerentry IN SHARE MODE")
        cursor.execute(_SET_RIGHT)
        changed = cursor.rowcount
        cursor.execute(_REMOVE)
        return int(changed + cursor.rowcount)
