"""Kinds whose facts the house sees by itself: a click, presence in a room, a message.

Whoever sees one announces it after the commit by a Django signal, with `ids`. That is for speed
(quests.evidence.pushing); what is lost on the way, a sweep looks for again. Both end in `find`.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from django.db import connection
from django.dispatch import Signal

from quests.models import Evidence
from quests.requirements.base import Kind, Place

# `fact` names a player, the link or room, a moment and the fact's name. Of the facts that are not
# yet evidence: the players who are at a quest that asks for them. One query for all, which begins
# with the facts: a planner that begins with the attempts looks at every fact for each of them.
_OPEN = """
WITH fact (player_id, place, at, source) AS MATERIALIZED ({facts})
SELECT DISTINCT attempt.player_id, quest.number, attempt.period
FROM fact
JOIN quests_attempt attempt
    ON attempt.player_id = fact.player_id AND attempt.started_at <= fact.at
JOIN quests_quest quest ON quest.id = attempt.quest_id AND quest.status = 'published'
    AND (quest.ends_at IS NULL OR quest.ends_at > now())
    -- The longest period is a week: what was begun before the last one is over.
    AND (quest.recurrence = 'once' OR attempt.started_at > now() - interval '8 days')
JOIN quests_requirement step ON step.quest_id = quest.id AND step.kind = %(kind)s
    AND {place} = fact.place
WHERE NOT EXISTS (
    SELECT FROM quests_completion done WHERE done.player_id = attempt.player_id
        AND done.quest_id = attempt.quest_id AND done.period = attempt.period
) AND NOT EXISTS (
    SELECT FROM quests_evidence known WHERE known.quest_id = quest.id AND known.step = step.key
        AND known.kind = step.kind AND known.player_id = attempt.player_id
        AND known.source_id = fact.source
)
ORDER BY 2, 1
"""


class Span(NamedTuple):
    """After `since`, and not after `until`: by when facts were written down."""

    since: datetime
    until: datetime


class OpenAttempt(NamedTuple):
    """Somebody at a quest that she has not completed in this period."""

    player_id: int
    number: int
    period: str


class Observed(Kind):
    """`announced` is sent after a commit with the ids of new facts; `changed`, where there is one,
    with the ids of facts that are not what they were."""

    is_answered = False
    is_observed = True
    announced: ClassVar[Signal]
    changed: ClassVar[Signal | None] = None

    @abstractmethod
    def concerned(self, ids: Sequence[Any]) -> list[OpenAttempt]:
        """Whose quests these facts may decide. One query at most where there is nobody."""

    @abstractmethod
    def missed(self, span: Span) -> list[OpenAttempt]:
        """The same of all facts of this time that are not yet evidence."""

    def spoiled(self, evidence: Sequence[Evidence]) -> Mapping[int, str]:
        """Which of these speak for nobody any more: by primary key, the reason as a sentence."""
        del evidence
        return {}

    def spoiled_in(self, span: Span) -> Sequence[Any]:
        """The ids of facts that changed in this time."""
        del span
        return ()

    def prompt(self, place: Place) -> None:
        """Called in the transaction that judges an open step: what the player is to be asked."""
        del place


def open_attempts(facts: str, *, kind: str, place: str, **values: Any) -> list[OpenAttempt]:
    """`facts` is a SELECT of four columns (see above), `place` an expression of the `step` that
    says which link or room it is about."""
    with connection.cursor() as cursor:
        # rule: sql - both are constants of the kinds, see the docstring
        cursor.execute(_OPEN.format(facts=facts, place=place), {"kind": kind, **values})
        return [OpenAttempt(*row) for row in cursor.fetchall()]
