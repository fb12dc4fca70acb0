"""Which evidence speaks for a player, and whether it is enough."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from django.utils import timezone

from accounts.models import User
from monitoring.wire.problems import Problem
from quests.definitions import QuestDefinition, Step
from quests.models import Attempt, Evidence
from quests.requirements.base import Fact, Judgement, Place
from quests.requirements.ordering import judge_in_order
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
    found = judge(player, quest, period)
    missing = [
        {"stepId": verdict.step.key, "title": verdict.step.title}
        for verdict in found
        if not verdict.judgement.is_met
    ]
    if missing:
        detail = f"Still missing: {', '.join(item['title'] for item in missing)}."
        raise Problem("requirements_missing", detail, status=409, missing=missing)
    return used_by(found)


class Judged(NamedTuple):
    """The ids of the evidence that speaks for a completion of this version, in this period."""

    version: int
    period: str
    evidence: list[int]


def used_by(found: Iterable[Verdict]) -> list[int]:
    """The ids of the evidence behind these verdicts."""
    return sorted(id_ for verdict in found for id_ in verdict.judgement.used)


def judge(
    player: User, quest: QuestDefinition, period: str, *, is_over: bool = False
) -> list[Verdict]:
    """A verdict a step, in their order; looks for facts that nobody has pushed first, unless it
    `is_over`: what comes after a completion is evidence of nothing."""
    known = _known(player, quest, period)
    if not is_over and _collect(player, quest, period, known):
        known = _known(player, quest, period)
    rows = defaultdict(list)
    for row in known:
        rows[row.step, row.kind].append(row)
    return verdicts(quest, {step.key: rows[step.key, step.kind] for step in quest.steps})


def _known(player: User, quest: QuestDefinition, period: str) -> list[Evidence]:
    evidence = Evidence.objects.filter(player=player, quest=quest.id, period=period)
    return list(evidence.order_by("occurred_at", "pk"))


def verdicts(quest: QuestDefinition, rows: Mapping[str, list[Evidence]]) -> list[Verdict]:
    """`rows` is all the evidence of one player and period, by step, oldest first."""
    free = {key: [row for row in known if is_free(row)] for key, known in rows.items()}
    judgements = judge_in_order(quest.steps, free)
    return [
        Verdict(step, judgement, rows[step.key])
        for step, judgement in zip(quest.steps, judgements, strict=True)
    ]


def is_free(row: Evidence) -> bool:
    return row.state == Evidence.State.VERIFIED and not row.completion_id


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


def places(player: User, quest: QuestDefinition, period: str) -> list[Place]:
    """Her place at each step, as of now."""
    now, since = timezone.now(), None
    if is_observed(quest):
        attempts = Attempt.objects.filter(player=player, quest=quest.id, period=period)
        since = attempts.values_list("started_at", flat=True).first()
    return [Place(player, quest, step, period, now, since) for step in quest.steps]


def is_observed(quest: QuestDefinition) -> bool:
    """Whether the house sees some of it by itself."""
    return any(kind_of(step.kind).is_observed for step in quest.steps)


def _collect(player: User, quest: QuestDefinition, period: str, known: Iterable[Evidence]) -> bool:
    """Write down what nobody has pushed; whether there was anything new."""
    sources = {(row.step, row.kind, row.source_id) for row in known}
    found = False
    for place in places(player, quest, period):
        key, kind = place.step.key, place.step.kind
        facts = kind_of(kind).find(place)
        new = [fact for fact in facts if (key, kind, fact.source_id) not in sources]
        if new:
            record(place, new)
            found = True
    return found
