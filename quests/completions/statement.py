"""The two statements that write XP: of a completion, and of a correction or an award.

Each is one round trip. What a part locks, it locks in an order that all share: the quest and season
(shared), the completion, the evidence, the standings by board. A part that must come after another
reads from it; PostgreSQL promises no order otherwise.
"""

from typing import Any, NamedTuple
from uuid import UUID

from django.utils import timezone

from monitoring.postgresql.prepared import fetch_row
from monitoring.postgresql.retries import retried_statement
from monitoring.trace import correlation_id
from quests.models import OutboxEvent

# Shared, and in conflict with the exclusive lock of whoever closes the season: either that one
# waits for us, or we see the season closed.
_OPEN_SEASON = """season AS MATERIALIZED (
    SELECT id FROM quests_season WHERE id = %(season)s::bigint AND closed_at IS NULL
    FOR KEY SHARE
)"""
_SEASON = """season AS MATERIALIZED (
    SELECT id FROM quests_season
    WHERE id = %(season)s::bigint AND closed_at IS NULL
      AND (starts_at IS NULL OR starts_at <= %(now)s) AND (ends_at IS NULL OR ends_at > %(now)s)
    FOR KEY SHARE
)"""

_STANDING = """board AS (
    SELECT 0::bigint AS board, id FROM entry
    UNION ALL SELECT season_id, id FROM entry WHERE season_id IS NOT NULL
    ORDER BY board
), standing AS (
    INSERT INTO quests_standing AS known
        (board, player_id, xp, completions, last_entry, updated_at)
    SELECT board, %(player)s, %(amount)s, %(completions)s, id, %(now)s FROM board
    ON CONFLICT (board, player_id) DO UPDATE SET
        xp = known.xp + excluded.xp,
        completions = known.completions + excluded.completions,
        last_entry = greatest(known.last_entry, excluded.last_entry),
        updated_at = greatest(known.updated_at, excluded.updated_at)
    RETURNING board, xp, completions
)"""

_EVENT = """event AS (
    INSERT INTO quests_outboxevent
        (public_id, kind, player_id, payload, correlation_id, created_at)
    SELECT gen_random_uuid(), %(event)s, %(player)s, %(payload)s::jsonb, %(correlation)s, %(now)s
    FROM {cause}
)"""

# A threshold is crossed once on the way up: rows below it were given before.
_EARNED = """earned AS (
    INSERT INTO quests_earnedachievement (player_id, achievement_id, completion_id, earned_at)
    SELECT %(player)s, badge.id, made.id, %(now)s
    FROM made, standing, quests_achievement badge
    WHERE standing.board = 0 AND CASE badge.metric
        WHEN 'xp' THEN badge.threshold <= standing.xp
            AND badge.threshold > standing.xp - %(amount)s
        WHEN 'completions' THEN badge.threshold = standing.completions
        WHEN 'category' THEN badge.category = %(category)s AND badge.threshold <= 1 + (
            SELECT count(*) FROM quests_completion past JOIN quests_quest q ON q.id = past.quest_id
            WHERE past.player_id = %(player)s AND past.status = 'paid'
              AND q.category = badge.category)
        WHEN 'quests' THEN %(number)s = ANY(badge.quests) AND badge.quests <@ (
            SELECT array_append(array_agg(q.number::int), %(number)s)
            FROM quests_completion past JOIN quests_quest q ON q.id = past.quest_id
            WHERE past.player_id = %(player)s AND past.status = 'paid')
        END
    ORDER BY badge.id
    ON CONFLICT (player_id, achievement_id) DO NOTHING
    RETURNING achievement_id
)"""

COMPLETE = f"""WITH quest AS MATERIALIZED (
    SELECT id FROM quests_quest
    WHERE id = %(quest)s AND version = %(version)s AND status = 'published'
    FOR KEY SHARE
), {_SEASON}, made AS (
    INSERT INTO quests_completion
        (public_id, player_id, quest_id, period, quest_version, status, xp, completed_at, reason)
    SELECT %(public_id)s, %(player)s, id, %(period)s, %(version)s, %(status)s, %(xp)s, %(now)s,
        %(reason)s
    FROM quest
    ON CONFLICT (player_id, quest_id, period) DO NOTHING
    RETURNING id
), used AS (
    UPDATE quests_evidence fact SET completion_id = made.id
    FROM made
    WHERE fact.id = ANY(%(evidence)s) AND fact.player_id = %(player)s
      AND fact.completion_id IS NULL AND fact.state = 'verified'
    RETURNING fact.id
), entry AS (
    INSERT INTO quests_ledgerentry
        (public_id, player_id, season_id, kind, amount, completions, completion_id, reason,
         created_at)
    SELECT gen_random_uuid(), %(player)s, (SELECT id FROM season), 'completion', %(amount)s,
        %(completions)s, made.id, '', %(now)s
    FROM made WHERE %(status)s = 'paid'
    RETURNING id, season_id
), before AS (
    SELECT xp, completions FROM quests_standing WHERE board = 0 AND player_id = %(player)s
), {_STANDING}, {_EARNED}, {_EVENT.format(cause="made")}
SELECT (SELECT count(*) FROM quest),
    (SELECT id FROM made),
    (SELECT count(*) FROM used),
    (SELECT xp FROM standing WHERE board = 0),
    (SELECT array_agg(achievement_id) FROM earned),
    (SELECT (standing.xp - %(amount)s, standing.completions - %(completions)s) <> (
        coalesce((SELECT xp FROM before), 0), coalesce((SELECT completions FROM before), 0))
     FROM standing WHERE board = 0)
"""  # noqa: S608 - made of constants

_CORRECT = f"""WITH {_OPEN_SEASON}, entry AS (
    INSERT INTO quests_ledgerentry
        (public_id, player_id, season_id, kind, amount, completions, completion_id, reverses_id,
         actor_id, reason, created_at)
    VALUES (%(public_id)s, %(player)s, (SELECT id FROM season), %(kind)s, %(amount)s,
        %(completions)s, %(completion)s, %(reverses)s, %(actor)s, %(reason)s, %(now)s)
    RETURNING id, season_id
), {_STANDING}, {_EVENT.format(cause="entry")}
SELECT (SELECT id FROM entry), (SELECT xp FROM standing WHERE board = 0)
"""  # noqa: S608 - made of constants


class Completed(NamedTuple):
    """`quest` is 0 when the quest is not what it was; `completion` None when there is one already;
    `total_xp` None when nothing was paid; `earned` are achievements' ids.

    `is_overtaken`: while this waited for the player's standing, somebody else changed it. The sums
    are right, but completions were counted as they were before that.
    """

    quest: int
    completion: int | None
    evidence: int
    total_xp: int | None
    earned: list[int] | None
    is_overtaken: bool | None


class Corrected(NamedTuple):
    entry: int
    total_xp: int


@retried_statement
def insert_completion(**values: Any) -> Completed:
    """`now`, `quest`, `version`, `season`, `player`, `public_id`, `period`, `status`, `xp`,
    `reason`, `evidence` (ids), `category`, `number`, `payload` (JSON text)."""
    is_paid = values["status"] == "paid"
    return Completed(
        *fetch_row(
            COMPLETE,
            values
            | {
                "amount": values["xp"] if is_paid else 0,
                "completions": 1 if is_paid else 0,
                "event": OutboxEvent.Kind.QUEST_COMPLETED.value,
                "correlation": correlation_id(),
            },
        )
    )


def insert_correction(
    *,
    public_id: UUID,
    player: int,
    season: int | None,
    kind: str,
    amount: int,
    completions: int,
    completion: int | None,
    reverses: int | None,
    actor: int,
    reason: str,
    payload: str,
) -> Corrected:
    values = dict(locals())
    return Corrected(
        *fetch_row(
            _CORRECT,
            values
            | {
                "now": timezone.now(),
                "event": OutboxEvent.Kind.XP_CHANGED.value,
                "correlation": correlation_id(),
            },
        )
    )
