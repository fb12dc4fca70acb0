"""Why a player did, or did not, complete a quest: what stands in the way, and what each step saw.

For the player herself and for operators alike: nothing in it is an answer or a code. Facts that
nobody has pushed are looked up, and written down as evidence, as a sweep would do in a moment; that
pays nobody.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts.models import User
from monitoring.wire.problems import Problem
from quests import prerequisites
from quests.completions import quota
from quests.cooldown import cooling_until
from quests.definitions import QuestDefinition
from quests.models import Attempt, Completion, Evidence, Quest, StepTries
from quests.prerequisites import Facts
from quests.requirements import judging
from quests.requirements.base import Disregarded, Judgement, Kind, Place
from quests.requirements.registry import kind_of
from quests.requirements.tries import MOST_WRONG
from quests.selectors import facts_of


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What `complete_quest` would answer: the code of its problem, and a sentence."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """One line of the expression; what a line asks of others stands `depth` deeper below it."""

    text: str
    is_met: bool
    depth: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A piece of evidence, what it is in words, and whether it counts: for the completion that is
    there, or the next."""

    evidence: Evidence
    is_counted: bool
    what: str


@dataclass(frozen=True, slots=True)
class Tries:
    wrong: int
    closed_until: datetime | None
    is_exhausted: bool


@dataclass(frozen=True, slots=True)
class StepExplanation:
    """`seen` of `needed`; `missing` says what to do about it, and is empty when the step is met."""

    id: str
    title: str
    kind: str
    kind_title: str
    is_met: bool
    seen: int
    needed: int
    missing: str
    evidence: list[Seen]
    # What was seen and became no evidence, the newest first.
    disregarded: list[Disregarded]
    tries: Tries | None


@dataclass(frozen=True, slots=True)
class Places:
    total: int
    left: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """`obstacles` are in the order in which a completion meets them; without any, it is paid."""

    quest: QuestDefinition
    at: datetime
    period: str
    started_at: datetime | None
    completion: Completion | None
    obstacles: list[Obstacle]
    prerequisites: list[Prerequisite]
    steps: list[StepExplanation]
    places: Places | None
    cooling_until: datetime | None

    @property
    def can_complete(self) -> bool:
        return not self.obstacles


def explain(player: User, quest: QuestDefinition) -> Explanation:
    """As of now; of a repeating quest, the day or week that is now."""
    now = timezone.now()
    period = quest.period(now)
    completion = Completion.objects.filter(player=player, quest=quest.id, period=period).first()
    started = Attempt.objects.filter(player=player, quest=quest.id, period=period)
    found = Explanation(
        quest=quest,
        at=now,
        period=period,
        started_at=started.values_list("started_at", flat=True).first(),
        completion=completion,
        obstacles=[],
        prerequisites=list(_lines(quest.prerequisites, facts_of(player))),
        steps=list(_steps(player, quest, period, completion)),
        places=_places(quest),
        cooling_until=cooling_until(player, quest),
    )
    return replace(found, obstacles=list(_obstacles(found)))


def _obstacles(found: Explanation) -> Iterator[Obstacle]:
    quest = found.quest
    if found.completion:
        status = found.completion.get_status_display()
        yield Obstacle("quest_already_completed", f"It is completed already, and {status}.")
        return  # what else stands in the way is for nobody to clear
    if quest.status == Quest.Status.DRAFT:
        yield Obstacle("quest_not_found", "It is a draft, which no player sees.")
    try:
        quest.refuse_closed(found.at)
    except Problem as problem:
        yield Obstacle(str(problem.code), str(problem.detail))
    if found.prerequisites and not found.prerequisites[0].is_met:
        yield Obstacle("prerequisites_missing", "The player does not have what it builds on.")
    if found.cooling_until and found.at < found.cooling_until:
        again = f"It can be done again at {found.cooling_until:%F %T} UTC."
        yield Obstacle("cooling_down", again)
    if missing := [step.title for step in found.steps if not step.is_met]:
        yield Obstacle("requirements_missing", f"Still missing: {', '.join(missing)}.")
    if found.places and not found.places.left:
        yield Obstacle("quota_exhausted", "All places of this quest are taken.")


def _lines(expression: Mapping[str, Any], facts: Facts, depth: int = 0) -> Iterator[Prerequisite]:
    """The expression as an outline, its first line the whole of it."""
    for name, value in expression.items():
        is_met = prerequisites.is_met({name: value}, facts)
        if name in {"all", "any"}:
            yield Prerequisite(f"{name} of these", is_met, depth)
            for part in value:
                yield from _lines(part, facts, depth + 1)
        elif name == "not":
            first, *below = _lines(value, facts, depth)
            yield Prerequisite(f"not: {first.text}", is_met, depth)
            yield from below
        else:
            (leaf,) = prerequisites.explain({name: value}, facts)
            yield Prerequisite(leaf.text, is_met, depth)


def _steps(
    player: User, quest: QuestDefinition, period: str, completion: Completion | None
) -> Iterator[StepExplanation]:
    rows = StepTries.objects.filter(
        attempt__player=player, attempt__quest=quest.id, attempt__period=period
    )
    tries = {row.step: row for row in rows}
    places = judging.places(player, quest, period)
    found = judging.judge(player, quest, period, is_over=completion is not None)
    for place, verdict in zip(places, found, strict=True):
        judgement = _as_completed(verdict, completion) if completion else verdict.judgement
        kind = kind_of(verdict.step.kind)
        yield StepExplanation(
            id=verdict.step.key,
            title=verdict.step.title,
            kind=kind.name,
            kind_title=kind.title,
            is_met=judgement.is_met,
            seen=judgement.seen,
            needed=judgement.needed,
            missing="" if judgement.is_met else _missing(place, verdict, judgement),
            evidence=_seen(kind, verdict, judgement),
            disregarded=list(kind.disregarded(place)),
            tries=_tries(tries.get(verdict.step.key)),
        )


def _seen(kind: Kind, verdict: judging.Verdict, judgement: Judgement) -> list[Seen]:
    return [Seen(row, row.pk in judgement.used, kind.describe(row)) for row in verdict.evidence]


def _as_completed(verdict: judging.Verdict, completion: Completion) -> Judgement:
    """What the completion consumed is free no more, and is just what spoke for it."""
    used = [
        row
        for row in verdict.evidence
        if row.completion_id == completion.pk and row.state == Evidence.State.VERIFIED
    ]
    return kind_of(verdict.step.kind).judge(verdict.step, used)


def _missing(place: Place, verdict: judging.Verdict, judgement: Judgement) -> str:
    states = [row.state for row in verdict.evidence]
    if Evidence.State.PENDING in states:
        return "What was sent in waits for a review."
    if Evidence.State.REJECTED in states and not judgement.seen:
        return "What was sent in was rejected; something else may be sent."
    if kind_of(verdict.step.kind).is_observed and place.since is None:
        return "Start the quest first: what happens before that does not count."
    if judgement.detail:
        return judgement.detail
    if judgement.needed > 1:
        return f"{judgement.needed - judgement.seen} more, of {judgement.needed}."
    is_answered = kind_of(verdict.step.kind).is_answered
    return "Nothing right was sent in." if is_answered else "Nothing was seen."


def _tries(row: StepTries | None) -> Tries | None:
    if row is None:
        return None
    return Tries(row.wrong, row.closed_until, row.wrong >= MOST_WRONG)


def _places(quest: QuestDefinition) -> Places | None:
    if not quest.quota:
        return None
    return Places(quest.quota, quota.places_left(quest.id))
