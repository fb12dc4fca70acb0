"""Which evidence speaks for a player, and whether it is enough."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone

from accounts.models import User
from monitoring.wire.problems import Problem
from quests.definitions import QuestDefinition, Step
from quests.models import Evidence
from quests.requirements.base import Fact, Judgement, Place
from quests.requirements.registry import kind_of


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known about a step: the judgement, and every piece of evidence behind it."""

    step: Step
    judgement: Judgement
    evidence: list[Evidence]


def evidence_for(player: User, quest: QuestDefinition, period: str) -> list[int]:
    """The ids that a completion consumes. Problem `requirements_missing` (409) names what is
    missing."""
    verdicts = judge(player, quest, period)
    missing = [
        {"stepId": verdict.step.key, "title": verdict.step.title}
        for verdict in verdicts
        if not verdict.judgement.is_met
    ]
    if missing:
        detail = f"Still missing: {', '.join(item['title'] for item in missing)}."
        raise Problem("requirements_missing", detail, status=409, missing=missing)
    return sorted(id_ for verdict in verdicts for id_ in verdict.judgement.used)


def judge(player: User, quest: QuestDefinition, period: str) -> list[Verdict]:
    """A verdict a step, in their order; looks for facts that nobody has pushed first."""
    _collect(player, quest, period)
    rows = defaultdict(list)
    evidence = Evidence.objects.filter(player=player, quest=quest.id, period=period)
    for row in evidence.order_by("occurred_at", "pk"):
        rows[row.step, row.kind].append(row)
    return [_verdict(step, rows[step.key, step.kind]) for step in quest.steps]


def record(place: Place, facts: Iterable[Fact]) -> None:
    """Write down what is not yet known."""
    Evidence.objects.bulk_create(
        (evidence_of(place, fact) for fact in facts), ignore_conflicts=True
    )


def evidence_of(place: Place, fact: Fact) -> Evidence:
    """The row, not yet saved."""
    return Evidence(
        player=place.player,
        quest_id=place.quest.id,
        step=place.step.key,
        # That of the fact, whoever looks for it and whenever.
        period=place.quest.period(fact.occurred_at),
        kind=place.step.kind,
        source_id=fact.source_id,
        state=fact.state,
        payload=fact.payload,
        occurred_at=fact.occurred_at,
    )


def _collect(player: User, quest: QuestDefinition, period: str) -> None:
    now = timezone.now()
    for step in quest.steps:
        place = Place(player, quest, step, period, now)
        if facts := list(kind_of(step.kind).find(place)):
            record(place, facts)


def _verdict(step: Step, rows: list[Evidence]) -> Verdict:
    free = [row for row in rows if row.state == Evidence.State.VERIFIED and not row.completion_id]
    return Verdict(step, kind_of(step.kind).judge(step, free), rows)
