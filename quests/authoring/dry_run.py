"""Trying a change of a quest on what is on record, before anybody is touched by it.

Only what was recorded counts: facts that a kind of requirement looks up itself are not looked up,
and nothing is written. What a player has (for prerequisites) is what she has today. Cool-downs, and
evidence that others would send in, are left out. A draft is judged as if it were published.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from rest_framework.exceptions import ValidationError

from monitoring.wire.mapping import as_problem
from monitoring.wire.problems import Problem
from quests import prerequisites
from quests.authoring import notation, services
from quests.authoring.document import document_of, read
from quests.authoring.rounds import Round, batches
from quests.definitions import QuestDefinition, Step, definition_of
from quests.models import Completion, Quest
from quests.requirements.ordering import judge_in_order

MAX_PLAYERS = 1_000_000
# Of one request; the command looks at all.
MOST_IN_A_REQUEST = 10_000
MOST_LISTED = 200
MAX_TEXT = 500_000
# What stands in a document besides the steps, and is called the same in a definition.
_SAME_NAMES = (
    "title", "category", "xp_reward", "status", "starts_at", "ends_at", "quota", "recurrence",
    "period_zone", "prerequisites",
)  # fmt: skip
_OPEN = Quest.Status.PUBLISHED.value


@dataclass(frozen=True, slots=True)
class Difference:
    """`reasons` are codes as a completion is refused with: of a gain, what stands in the way now;
    of a loss, what would."""

    player: str
    period: str
    is_completed: bool
    reasons: list[str]


@dataclass(slots=True)
class StepCount:
    """In how many rounds the step is met; None where there is no such step."""

    id: str
    title: str
    before: int | None
    after: int | None


@dataclass(slots=True)
class DryRun:
    """Counted in rounds: a player, or of a repeating quest a player in a day or week. `passed` is
    completed, or could be at once. Lists end at MOST_LISTED, counts do not."""

    number: int
    at: datetime
    rounds: int = 0
    players: int = 0
    gains: int = 0
    losses: int = 0
    unchanged_passed: int = 0
    unchanged_open: int = 0
    gaining: list[Difference] = field(default_factory=list)
    losing: list[Difference] = field(default_factory=list)
    steps: list[StepCount] = field(default_factory=list)
    xp_before: int = 0
    xp_after: int = 0
    # Of the changed quest, for those who gain; None without a quota.
    places_left: int | None = None
    is_complete: bool = True

    @property
    def xp_change(self) -> int:
        return self.xp_after - self.xp_before


@dataclass(frozen=True, slots=True)
class _Rules:
    quest: QuestDefinition
    # For what is completed: a quest that closes now was open then.
    while_open: QuestDefinition
    places_left: int | None
    # The first completion that came too late for a place.
    late: tuple[datetime, int] | None


def read_change(text: str, number: int) -> dict[str, Any]:
    """A quest's document, by itself or among others as `export_quests` writes them. ValueError with
    a sentence when there is none."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"This is over {MAX_TEXT:,} characters.")
    content = notation.parse(text)
    if isinstance(content, dict) and isinstance(content.get("quests"), list):
        named = (item for item in content["quests"] if isinstance(item, dict))
        content = next((item for item in named if item.get("number") == number), None)
    if not isinstance(content, dict):
        raise ValueError(f"There is no quest {number} in it.")  # noqa: TRY004 - of the text
    return content


def replay(quest: Quest, document: Mapping[str, Any], *, most: int = MAX_PLAYERS) -> DryRun:
    """What the document leaves out stays as it is. ValidationError names what is wrong with it;
    Problem (409) `quest_number_fixed`."""
    old, new = definition_of(quest), _changed(quest, document)
    now = timezone.now()
    rules = _rules_of(old), _rules_of(new)
    found = DryRun(
        quest.number, now, steps=_step_counts(old, new), places_left=rules[1].places_left
    )
    with_facts = bool(old.prerequisites or new.prerequisites)
    for rounds in batches(quest.pk, with_facts=with_facts, most=most + 1):
        _count(found, rounds, rules, most)
    return found


def _changed(quest: Quest, document: Mapping[str, Any]) -> QuestDefinition:
    fields = read(document_of(quest) | dict(document))
    if fields["number"] != quest.number:
        raise Problem("quest_number_fixed", "A quest keeps its number.", status=409)
    named = {name: fields[name] for name in ("number", "status", "prerequisites")}
    services.refuse_unplayable(Quest(**named))
    cooldown = fields["cooldown_seconds"]
    return replace(
        definition_of(quest),
        **{name: fields[name] for name in _SAME_NAMES},
        cooldown=timedelta(seconds=cooldown) if cooldown else None,
        steps=tuple(_step(step) for step in fields["steps"]),
    )


def _step(step: Mapping[str, Any]) -> Step:
    gap = step["within_seconds"]
    within = timedelta(seconds=gap) if gap else None
    return Step(step["id"], step["kind"], step["title"], step["config"], step["ordered"], within)


def _rules_of(quest: QuestDefinition) -> _Rules:
    if quest.status == Quest.Status.DRAFT:
        quest = replace(quest, status=_OPEN)
    while_open = replace(quest, status=_OPEN)
    if quest.quota is None:
        return _Rules(quest, while_open, None, None)
    done = Completion.objects.filter(quest=quest.id).exclude(status=Completion.Status.REVERSED)
    in_order = done.order_by("completed_at", "pk").values_list("completed_at", "pk")
    late = in_order[quest.quota : quest.quota + 1].first()
    return _Rules(quest, while_open, max(0, quest.quota - done.count()), late)


def _step_counts(old: QuestDefinition, new: QuestDefinition) -> list[StepCount]:
    before, after = ({step.key: step.title for step in quest.steps} for quest in (old, new))
    return [
        StepCount(
            key,
            after.get(key, before.get(key, "")),
            0 if key in before else None,
            0 if key in after else None,
        )
        for key in dict.fromkeys([*after, *before])
    ]


def _count(found: DryRun, rounds: Sequence[Round], rules: tuple[_Rules, _Rules], most: int) -> None:
    players = {row.player_id for row in rounds}
    if found.players + len(players) > most:
        found.is_complete = False
        players = set(sorted(players)[: most - found.players])
    found.players += len(players)
    for row in rounds:
        # What was reversed is not done again, whatever the quest asks for.
        if row.player_id in players and not _is_reversed(row):
            _compare(found, row, *rules)


def _is_reversed(row: Round) -> bool:
    return row.completion is not None and row.completion.status == Completion.Status.REVERSED


def _compare(found: DryRun, row: Round, old: _Rules, new: _Rules) -> None:
    met_before, met_after = _met(old.quest, row), _met(new.quest, row)
    for step in found.steps:
        if step.before is not None:
            step.before += step.id in met_before
        if step.after is not None:
            step.after += step.id in met_after
    in_the_way = [] if row.completion else _obstacles(old, row, met_before, found.at)
    then = _obstacles(new, row, met_after, found.at)
    found.rounds += 1
    found.xp_before += 0 if in_the_way else _xp(row, old, old)
    found.xp_after += 0 if then else _xp(row, old, new)
    _sort(found, row, in_the_way, then)


def _sort(found: DryRun, row: Round, before: list[str], after: list[str]) -> None:
    if bool(before) == bool(after):
        found.unchanged_open += bool(before)
        found.unchanged_passed += not before
        return
    is_gain = not after
    found.gains += is_gain
    found.losses += not is_gain
    listed = found.gaining if is_gain else found.losing
    if len(listed) < MOST_LISTED:
        reasons = before if is_gain else after
        listed.append(Difference(row.username, row.period, row.completion is not None, reasons))


def _met(quest: QuestDefinition, row: Round) -> set[str]:
    """A step under the same id and of another kind is another step: evidence is kept by both."""
    mine = row.completion.pk if row.completion else None
    free = [one for one in row.evidence if one.completion_id in {None, mine}]
    rows = {
        step.key: [one for one in free if (one.step, one.kind) == (step.key, step.kind)]
        for step in quest.steps
    }
    judgements = judge_in_order(quest.steps, rows)
    return {
        step.key
        for step, judgement in zip(quest.steps, judgements, strict=True)
        if judgement.is_met
    }


def _obstacles(rules: _Rules, row: Round, met: set[str], now: datetime) -> list[str]:
    """In the order in which a completion meets them: of one that is there as of its own moment, of
    another as of now."""
    quest, codes = rules.quest, []
    try:
        if row.completion:
            rules.while_open.refuse_closed(row.completion.completed_at)
        else:
            quest.refuse_closed(now)
    except Problem as problem:
        codes.append(str(problem.code))
    if not row.completion and quest.period(now) != row.period:
        codes.append("period_over")
    if not prerequisites.is_met(quest.prerequisites, row.facts):
        codes.append("prerequisites_missing")
    if len(met) < len(quest.steps):
        codes.append("requirements_missing")
    if _is_without_place(rules, row.completion):
        codes.append("quota_exhausted")
    return codes


def _is_without_place(rules: _Rules, completion: Completion | None) -> bool:
    if completion is None:
        return rules.places_left == 0
    return rules.late is not None and (completion.completed_at, completion.pk) >= rules.late


def _xp(row: Round, old: _Rules, new: _Rules) -> int:
    """What was paid stays, unless the reward itself changes."""
    if row.completion and new.quest.xp_reward == old.quest.xp_reward:
        return row.completion.xp
    return new.quest.xp_reward


def sentences(error: ValidationError | Problem) -> list[str]:
    """What is wrong with a document, field by field."""
    problem = as_problem(error)
    assert problem is not None  # noqa: S101 - both kinds have one
    named = [f"{item['field']}: {item['message']}" for item in problem.errors]
    return named or [str(problem.detail)]
