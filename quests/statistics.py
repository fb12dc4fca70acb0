"""What became of a quest: how far people came, when they were done, and what did not count.

Everything is counted by the database, whatever the number of players; nothing is asked for each.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from django.db import connections

from links.models import VisitOutcome
from monitoring.cache import cacheable
from monitoring.postgresql.replicas import read_aged
from quests.models import Requirement
from quests.requirements.registry import kind_of

DAYS = 30
_MOST_REASONS = 5
# Clicks that did not count are looked up for so many of those who started last.
_NEWEST_ATTEMPTS = 20_000

_TOTALS = """
SELECT (SELECT count(*) FROM quests_attempt WHERE quest_id = %(quest)s),
    count(*) FILTER (WHERE status = 'paid'), count(*) FILTER (WHERE status = 'held'),
    count(*) FILTER (WHERE status = 'reversed'),
    percentile_cont(0.5) WITHIN GROUP (
        ORDER BY extract(epoch FROM completed_at - started_at)
    ) FILTER (WHERE completed_at >= started_at)
FROM quests_completion LEFT JOIN quests_attempt USING (player_id, quest_id, period)
WHERE quest_id = %(quest)s
"""
# Of each step: how many times round somebody had as much evidence as it takes. What was answered
# to a challenge vouches for minutes, and is none.
_MET = """
SELECT step.key, count(met.player_id)
FROM unnest(%(keys)s::text[], %(kinds)s::text[], %(needed)s::int[]) step (key, kind, needed)
LEFT JOIN LATERAL (
    SELECT player_id FROM quests_evidence
    WHERE quest_id = %(quest)s AND step = step.key AND kind = step.kind AND state = 'verified'
        AND NOT payload ? 'challenge'
    GROUP BY player_id, period HAVING count(*) >= step.needed
) met ON true
GROUP BY step.key
"""
_STATES = """
SELECT step, state, count(*) FROM quests_evidence WHERE quest_id = %(quest)s
GROUP BY step, state ORDER BY step, state
"""
# What did not count, and why: (step, what it is, a word of it, how often).
_REASONS = """
SELECT step, 'note', review_note, count(*) FROM quests_evidence
WHERE quest_id = %(quest)s AND state IN ('rejected', 'withdrawn') GROUP BY step, review_note
UNION ALL
SELECT step.key, 'click', mark.outcome, count(DISTINCT mark.event_id)
FROM (
    SELECT player_id, started_at FROM quests_attempt WHERE quest_id = %(quest)s
    ORDER BY id DESC LIMIT %(newest)s
) attempt
JOIN accounts_user person ON person.id = attempt.player_id
JOIN quests_requirement step ON step.quest_id = %(quest)s AND step.kind = 'visit_link'
JOIN links_link link ON link.slug = step.config ->> 'link'
    AND link.domain = coalesce(step.config ->> 'domain', '') AND link.deleted_at IS NULL
JOIN links_markedclick mark ON mark.subject = person.public_id::text AND mark.link_id = link.id
    AND mark.at >= attempt.started_at AND mark.outcome <> 'counted'
GROUP BY step.key, mark.outcome
UNION ALL
SELECT asked.step, 'challenge', '', count(*)
FROM quests_challenge asked JOIN quests_attempt attempt ON attempt.id = asked.attempt_id
WHERE attempt.quest_id = %(quest)s AND asked.answered_at IS NULL AND asked.expires_at < now()
GROUP BY asked.step
UNION ALL
SELECT tries.step, 'wrong', '', sum(tries.wrong)
FROM quests_steptries tries JOIN quests_attempt attempt ON attempt.id = tries.attempt_id
WHERE attempt.quest_id = %(quest)s AND tries.wrong > 0 GROUP BY tries.step
ORDER BY 4 DESC
"""
_BY_DAY = """
SELECT day::date, count(done.id)
FROM generate_series(
    date_trunc('day', now(), 'UTC') - make_interval(days => %(days)s - 1), now(), '1 day'
) day
LEFT JOIN quests_completion done ON done.quest_id = %(quest)s AND done.status <> 'reversed'
    AND done.completed_at >= day AND done.completed_at < day + interval '1 day'
GROUP BY day ORDER BY day
"""


class StepAsked(NamedTuple):
    """A step, and of how many pieces of evidence it is met."""

    key: str
    kind: str
    title: str
    needed: int


class StepStatistics(NamedTuple):
    """`states` are counts of evidence by state; `reasons`, the commonest first, of what did not
    count."""

    key: str
    title: str
    kind: str
    met: int
    states: dict[str, int]
    reasons: list[tuple[str, int]]


@dataclass(frozen=True)
class QuestStatistics:
    """In times round: who does a weekly quest twice has started it twice. `median_seconds` are
    those from the start to the completion; None where nobody was seen doing both."""

    started: int
    paid: int
    held: int
    reversed: int
    median_seconds: float | None
    steps: list[StepStatistics]
    days: list[tuple[date, int]]

    @property
    def completed(self) -> int:
        return self.paid + self.held + self.reversed


def statistics_of(quest_id: int) -> QuestStatistics:
    rows = Requirement.objects.filter(quest=quest_id)
    return _read(quest_id, [(row.key, row.kind, row.title, _needed(row)) for row in rows])


def _needed(row: Requirement) -> int:
    try:
        return kind_of(row.kind).needed(row.config)
    except ValueError:  # a kind that this installation has no more
        return 1


@cacheable(ttl=10)
def _read(quest_id: int, steps: list[tuple[str, str, str, int]]) -> QuestStatistics:
    asked = [StepAsked(*step) for step in steps]
    return read_aged(lambda using: _count(quest_id, asked, using))


def _count(quest_id: int, asked: Sequence[StepAsked], using: str) -> QuestStatistics:
    ((started, paid, held, reversed_, median),) = _rows(using, _TOTALS, quest=quest_id)
    return QuestStatistics(
        started=started,
        paid=paid,
        held=held,
        reversed=reversed_,
        median_seconds=median,
        steps=_steps(quest_id, asked, using),
        days=[(day, count) for day, count in _rows(using, _BY_DAY, quest=quest_id, days=DAYS)],
    )


def _steps(quest_id: int, asked: Sequence[StepAsked], using: str) -> list[StepStatistics]:
    columns = {
        "keys": [step.key for step in asked],
        "kinds": [step.kind for step in asked],
        "needed": [step.needed for step in asked],
    }
    met = dict(_rows(using, _MET, quest=quest_id, **columns))
    states: dict[str, dict[str, int]] = defaultdict(dict)
    for step, state, count in _rows(using, _STATES, quest=quest_id):
        states[step][state] = count
    reasons = _reasons(_rows(using, _REASONS, quest=quest_id, newest=_NEWEST_ATTEMPTS))
    return [
        StepStatistics(
            step.key, step.title, step.kind, met[step.key], states.get(step.key, {}),
            reasons.get(step.key, [])[:_MOST_REASONS],
        )
        for step in asked
    ]  # fmt: skip


def _reasons(rows: Sequence[tuple[str, str, str, Any]]) -> Mapping[str, list[tuple[str, int]]]:
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for step, what, word, count in rows:
        found[step].append((_sentence(what, word), int(count)))
    return found


def _sentence(what: str, word: str) -> str:
    if what == "click":
        return f"The click was {VisitOutcome(word).label.lower()}."
    if what == "challenge":
        return "Asked for a word, and did not answer."
    return "A wrong answer." if what == "wrong" else word or "No reason was given."


def _rows(using: str, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    with connections[using].cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
