"""The proof of the ledger and the outbox.

E3: sum of ledger entries = standing = what the leaderboard counts, for each player and board; and a
completion's entries sum up to its XP when it is paid, else to nothing.
E4: outbox created = delivered + given up + waiting; and every fact has its event.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from monitoring.equations import Difference
from quests.leaderboard.rebuild import TRUTH
from quests.webhooks.accounting import account_for_outbox

# Events older than the outbox keeps are gone, and so not compared.
COMPARED = timedelta(days=29)

_STANDINGS = f"""
WITH truth AS ({TRUTH})
SELECT 'player ' || coalesce(truth.player_id, known.player_id) || ' on board '
        || coalesce(truth.board, known.board), part.name, part.expected, part.found
FROM truth FULL JOIN quests_standing known USING (board, player_id)
CROSS JOIN LATERAL (VALUES
    ('XP', coalesce(truth.xp, 0), coalesce(known.xp, 0)),
    ('completions', coalesce(truth.completions, 0), coalesce(known.completions, 0)),
    ('last entry', coalesce(truth.last_entry, 0), coalesce(known.last_entry, 0))
) part (name, expected, found)
WHERE part.expected <> part.found
"""  # noqa: S608 - made of constants

_SEGMENTS = """
WITH bounds AS (
    SELECT board, debt, last_entry, players, lead(debt, 1, 9223372036854775807) OVER place AS
        next_debt, lead(last_entry, 1, 0) OVER place AS next_entry
    FROM quests_ranksegment WINDOW place AS (PARTITION BY board ORDER BY debt, last_entry)
)
SELECT 'segment of board ' || bounds.board || ' from ' || -bounds.debt || ' XP down', 'players',
    standing.count - noted.sum, bounds.players
FROM bounds CROSS JOIN LATERAL (
    SELECT count(*) FROM quests_standing known WHERE known.board = bounds.board
      AND (known.xp * -1, known.last_entry) >= (bounds.debt, bounds.last_entry)
      AND (known.xp * -1, known.last_entry) < (bounds.next_debt, bounds.next_entry)
) standing CROSS JOIN LATERAL (
    SELECT coalesce(sum(change), 0) AS sum FROM quests_rankchange note
    WHERE note.board = bounds.board
      AND (note.debt, note.last_entry) >= (bounds.debt, bounds.last_entry)
      AND (note.debt, note.last_entry) < (bounds.next_debt, bounds.next_entry)
) noted
WHERE standing.count - noted.sum <> bounds.players
"""

_COMPLETIONS = """
SELECT 'completion ' || done.public_id, 'XP', done.expected, done.found FROM (
    SELECT completion.public_id,
        CASE completion.status WHEN 'paid' THEN completion.xp ELSE 0 END AS expected,
        coalesce(sum(entry.amount), 0) AS found
    FROM quests_completion completion
    LEFT JOIN quests_ledgerentry entry ON entry.completion_id = completion.id
    GROUP BY completion.id
) done WHERE done.expected <> done.found
"""

_QUOTAS = """
SELECT 'quest ' || quest.number, 'places', quest.quota, count(slot.id)
FROM quests_quest quest LEFT JOIN quests_quotaslot slot ON slot.quest_id = quest.id
WHERE quest.quota IS NOT NULL AND quest.status <> 'draft'
GROUP BY quest.id HAVING count(slot.id) <> quest.quota
"""

_FACTS = """
SELECT 'completions since ' || %(since)s::date, 'events',
    (SELECT count(*) FROM quests_completion WHERE completed_at > %(since)s),
    (SELECT count(*) FROM quests_outboxevent
        WHERE kind = 'quest.completed' AND created_at > %(since)s)
UNION ALL
SELECT 'corrections since ' || %(since)s::date, 'events',
    (SELECT count(*) FROM quests_ledgerentry
        WHERE kind <> 'completion' AND created_at > %(since)s),
    (SELECT count(*) FROM quests_outboxevent WHERE kind = 'xp.changed' AND created_at > %(since)s)
"""

_FIGURES = """
SELECT (SELECT count(*) FROM quests_ledgerentry),
    (SELECT coalesce(sum(amount), 0) FROM quests_ledgerentry)::bigint,
    (SELECT coalesce(sum(xp), 0) FROM quests_standing WHERE board = 0)::bigint,
    (SELECT count(*) FROM quests_completion),
    (SELECT count(*) FROM quests_outboxevent)
"""


@dataclass
class Report:
    entries: int = 0
    ledger_xp: int = 0
    standing_xp: int = 0
    completions: int = 0
    events: int = 0
    deliveries: int = 0
    delivered: int = 0
    dead: int = 0
    delivering: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.differences


def reconcile() -> Report:
    """Check E3 and E4 on the running system: one snapshot for all, and nobody waits."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SET LOCAL statement_timeout = 0")
        report = Report(*next(_rows(_FIGURES)))
        for equation, statement in (
            ("E3", _STANDINGS),
            ("E3", _SEGMENTS),
            ("E3", _COMPLETIONS),
            ("E3", _QUOTAS),
            ("E4", _FACTS),
        ):
            report.differences += _differences(equation, statement)
        outbox = account_for_outbox()
        report.deliveries, report.delivered = outbox.total.created, outbox.total.delivered
        report.dead, report.delivering = outbox.total.dead, outbox.total.waiting
        report.differences += outbox.differences
    return report


def _differences(equation: str, statement: str) -> Iterator[Difference]:
    since = timezone.now() - COMPARED
    for subject, part, expected, found in _rows(statement, since=since):
        if expected != found:
            yield Difference(equation, f"{subject}: {part}", int(expected), int(found))


def _rows(statement: str, **parameters: Any) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        yield from cursor.fetchall()
