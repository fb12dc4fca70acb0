"""What a player does before a quest is complete: starting it, and sending in its steps."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.events import announce_people_after_commit
from accounts.models import User
from monitoring.wire.problems import Problem
from quests import prerequisites
from quests.completions.completing import already_completed
from quests.definitions import QuestDefinition, find_definition
from quests.evidence.verifying import settle
from quests.models import Attempt, Completion, Evidence
from quests.requirements import judging
from quests.requirements.base import Fact, Place
from quests.requirements.registry import kind_of
from quests.requirements.tries import count_wrong, open_tries
from quests.selectors import facts_of


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """`evidence` is None for a wrong answer; then `tries_left` says how many until a pause."""

    evidence: Evidence | None
    tries_left: int | None = None


@transaction.atomic
def start_quest(*, player: User, number: int) -> Attempt:
    """Begin; a second time changes nothing. Problems (409): the quest is not open, is completed,
    or builds on what the player does not have."""
    return _begin(player, *_open_quest(player, number))


def submit_step(*, player: User, number: int, key: str, answer: Any) -> StepOutcome:
    """Judge what was sent in for a step. A wrong answer is counted; it is an outcome, no problem. A
    quest of which the house sees a part is completed by its last step, whichever that is.
    Problems: `step_unknown` (404), `answer_invalid` (400), `too_many_tries` (429), `no_tries_left`,
    `proof_waiting`, `proof_repeated` (409), and those of `start_quest`."""
    outcome = _submit(player, number, key, answer)
    if outcome.evidence and judging.is_observed(find_definition(number)):
        settle(player=player, number=number)
    return outcome


@transaction.atomic
def _submit(player: User, number: int, key: str, answer: Any) -> StepOutcome:
    quest, period = _open_quest(player, number)
    step = quest.step(key)
    attempt = _begin(player, quest, period)
    place = Place(player, quest, step, period, timezone.now(), attempt.started_at)
    # One step at a time: of two proofs sent together the second finds the first one waiting.
    Attempt.objects.select_for_update().get(pk=attempt.pk)
    kind = kind_of(place.step.kind)
    tries = open_tries(place) if kind.is_guessable else None
    fact = kind.submit(place, answer)
    if fact is not None:
        return StepOutcome(_keep(place, fact, answer))
    left = count_wrong(tries, place.step.config, place.now) if tries else None
    return StepOutcome(None, left)


def _begin(player: User, quest: QuestDefinition, period: str) -> Attempt:
    attempt, is_new = Attempt.objects.get_or_create(player=player, quest_id=quest.id, period=period)
    if is_new:
        announce_people_after_commit(player.pk)
    return attempt


def _open_quest(player: User, number: int) -> tuple[QuestDefinition, str]:
    # Anew: an answer must not be judged by what the author has just withdrawn.
    quest, now = find_definition(number, fresh=True), timezone.now()
    quest.refuse_closed(now)
    period = quest.period(now)
    if Completion.objects.filter(player=player, quest=quest.id, period=period).exists():
        raise already_completed(player, quest, period)
    if quest.prerequisites and not prerequisites.is_met(quest.prerequisites, facts_of(player)):
        detail = "You do not have what this quest builds on."
        raise Problem("prerequisites_missing", detail, status=409)
    return quest, period


def _keep(place: Place, fact: Fact, answer: Any) -> Evidence:
    """The same fact again is the row that is there."""
    row = judging.evidence_of(place, fact)
    made, is_new = Evidence.objects.get_or_create(
        quest_id=row.quest_id,
        step=row.step,
        kind=row.kind,
        player=row.player,
        source_id=row.source_id,
        defaults={
            "period": row.period,
            "state": row.state,
            "payload": row.payload,
            "occurred_at": row.occurred_at,
        },
    )
    kind_of(place.step.kind).keep(made, answer, is_new=is_new)
    return made
