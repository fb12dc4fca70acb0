"""Completing a quest: one transaction in which the database is the judge.

What a completion locks, in this order: the player's earlier completions that it builds on, by id;
her turn at a quest with a cool-down; then what its statement locks; then a place of the quota.
Everybody who writes XP keeps to it.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.utils import timezone

from accounts.events import announce_people_after_commit
from accounts.models import User
from monitoring.postgresql.retries import retried
from monitoring.wire.fields import instant
from monitoring.wire.mapping import unavailable
from monitoring.wire.problems import Problem
from quests import achievements, live, prerequisites
from quests.completions import quota, statement
from quests.cooldown import cooling_until
from quests.definitions import QuestDefinition, find_definition
from quests.models import Completion
from quests.requirements import judging
from quests.requirements.judging import Judged
from quests.selectors import facts_of, first_result, total_xp

# A quest that changes again while we read it anew is a quest under edit; the caller may retry.
_READINGS = 3


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it. `is_held`: nothing is paid until an operator releases it."""

    completion_id: int
    public_id: UUID
    quest: QuestDefinition
    xp_earned: int
    total_xp: int
    achievements: list[int]
    completed_at: datetime
    is_held: bool
    evidence: list[int]


def complete_quest(*, player: User, number: int, judged: Judged | None = None) -> Result:
    """Pay `player` for the quest. What was `judged` in this very transaction is not judged again,
    if it was of the same version and period.

    Problems, all 409: `quest_already_completed` (with `firstResult`), `requirements_missing`,
    `prerequisites_missing`, `cooling_down`, `quota_exhausted`, `evidence_used`, and those of a
    quest that is not open; `quest_not_found` is 404, `quest_changing` 503.
    """
    for reading in range(_READINGS):
        quest = find_definition(number, fresh=reading > 0)
        now = timezone.now()
        quest.refuse_closed(now)
        if (result := _complete(player, quest, now, judged)) is not None:
            return result
    raise unavailable("quest_changing", "This quest is being changed. Try again.")


def _complete(
    player: User, quest: QuestDefinition, now: datetime, judged: Judged | None
) -> Result | None:
    """None when the quest has changed since it was read.

    Without further questions to ask, the one statement is its own transaction.
    """
    if not (quest.prerequisites or quest.cooldown or quest.steps or quest.quota):
        return _pay(player, quest, now, [])
    return _ask_and_pay(player, quest, now, judged)


@retried
def _ask_and_pay(
    player: User, quest: QuestDefinition, now: datetime, judged: Judged | None
) -> Result | None:
    try:
        evidence = _asked(player, quest, now, judged)
    except Problem:
        # Looked at last: what stands in the way may be what the completion itself has used up.
        _refuse_repetition(player, quest, quest.period(now))
        raise
    result = _pay(player, quest, now, evidence)
    if result and quest.quota and not quota.claim(quest.id, result.completion_id):
        raise _sold_out()
    return result


def _asked(player: User, quest: QuestDefinition, now: datetime, judged: Judged | None) -> list[int]:
    """The evidence to consume, when nothing stands in the way."""
    _refuse_missing_prerequisites(player, quest)
    if quest.cooldown:
        _refuse_cooling(player, quest, now)
    evidence, period = list[int](), quest.period(now)
    if judged and (judged.version, judged.period) == (quest.version, period):
        evidence = judged.evidence
    elif quest.steps:
        evidence = judging.evidence_for(player, quest, period)
    if quest.quota and quota.is_sold_out(quest.id):
        raise _sold_out()
    return evidence


def _pay(player: User, quest: QuestDefinition, now: datetime, evidence: list[int]) -> Result | None:
    """The statement, and what its answer means. None when the quest has changed."""
    public_id = uuid4()
    made = statement.insert_completion(**_values(player, quest, now, public_id, evidence))
    if not made.quest:
        return None
    if made.completion is None:
        raise already_completed(player, quest, quest.period(now))
    if made.evidence != len(evidence):
        raise Problem("evidence_used", "What speaks for you was used just now.", status=409)
    announce_people_after_commit(player.pk)
    earned = made.earned or []
    if made.is_overtaken:
        earned = achievements.recompute_for(player_id=player.pk, completion_id=made.completion)
    xp = 0 if quest.is_held else quest.xp_reward
    total = total_xp(player) if made.total_xp is None else made.total_xp
    live.announce_completion_after_commit(
        player, quest, xp=xp, total_xp=total, is_held=quest.is_held
    )
    return Result(
        completion_id=made.completion,
        public_id=public_id,
        quest=quest,
        xp_earned=xp,
        total_xp=total,
        achievements=earned,
        completed_at=now,
        is_held=quest.is_held,
        evidence=evidence,
    )


def _values(
    player: User, quest: QuestDefinition, now: datetime, public_id: UUID, evidence: list[int]
) -> dict[str, Any]:
    status = Completion.Status.HELD if quest.is_held else Completion.Status.PAID
    return {
        "now": now,
        "quest": quest.id,
        "version": quest.version,
        "season": quest.season_id,
        "player": player.pk,
        "public_id": public_id,
        "period": quest.period(now),
        "status": status.value,
        "xp": quest.xp_reward,
        "reason": "This quest is paid after a review." if quest.is_held else "",
        "evidence": evidence,
        "category": quest.category,
        "number": quest.number,
        "payload": _payload(quest, public_id, now),
    }


def _payload(quest: QuestDefinition, public_id: UUID, now: datetime) -> str:
    return json.dumps({
        "completionId": str(public_id),
        "questNumber": quest.number,
        "questName": quest.title,
        "xpEarned": 0 if quest.is_held else quest.xp_reward,
        "held": quest.is_held,
        "completedAt": instant(now),
    })  # fmt: skip


def _refuse_missing_prerequisites(player: User, quest: QuestDefinition) -> None:
    """The completions that it builds on are locked, so that none of them is reversed meanwhile."""
    if not quest.prerequisites:
        return
    numbers = prerequisites.quests_in(quest.prerequisites)
    _lock_completions(player, sorted(numbers))
    facts = facts_of(player)
    if not prerequisites.is_met(quest.prerequisites, facts):
        missing = [
            finding.text
            for finding in prerequisites.explain(quest.prerequisites, facts)
            if not finding.is_met
        ]
        detail = "You do not have what this quest builds on."
        raise Problem("prerequisites_missing", detail, status=409, missing=missing)


def _lock_completions(player: User, numbers: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT past.id FROM quests_completion past JOIN quests_quest q ON q.id = past.quest_id"
            " WHERE past.player_id = %s AND q.number = ANY(%s) ORDER BY past.id FOR SHARE OF past",
            [player.pk, numbers],
        )


def _refuse_cooling(player: User, quest: QuestDefinition, now: datetime) -> None:
    """Two periods are two keys: the player's own lock is what keeps them apart at midnight."""
    with connection.cursor() as cursor:
        turn = f"cool-down {quest.id} {player.pk}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [turn])
    until = cooling_until(player, quest)
    if until and now < until:
        wait = int((until - now).total_seconds()) + 1
        raise Problem(
            "cooling_down",
            f"This quest can be done again in {wait} s.",
            status=409,
            headers={"Retry-After": str(wait)},
        )


def _refuse_repetition(player: User, quest: QuestDefinition, period: str) -> None:
    """Whoever has it already is told so, whatever else stands in the way by now: her evidence is
    used up, the places are taken."""
    if Completion.objects.filter(player=player, quest=quest.id, period=period).exists():
        raise already_completed(player, quest, period)


def already_completed(player: User, quest: QuestDefinition, period: str) -> Problem:
    again = "" if not period else " in this period"
    return Problem(
        "quest_already_completed",
        f"You have completed this quest{again} already.",
        status=409,
        firstResult=first_result(player, quest.id, period),
    )


def _sold_out() -> Problem:
    return Problem("quota_exhausted", "All places of this quest are taken.", status=409)
