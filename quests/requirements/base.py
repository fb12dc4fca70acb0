"""What every kind of requirement is: how it is configured, shown, answered, sought and judged."""

from abc import ABC
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from accounts.models import User
from monitoring.wire.problems import Problem
from quests.definitions import QuestDefinition, Step
from quests.models import Evidence

Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where evidence belongs: a player at a step of a quest, this time round."""

    player: User
    quest: QuestDefinition
    step: Step
    period: str
    now: datetime
    # When she started the quest, this time round: what the house saw before that does not count.
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that speaks for a player. `source_id` names it where it comes from, so that the
    same fact twice counts once; `payload` may be shown to the player."""

    source_id: str
    occurred_at: datetime
    payload: dict[str, Any] = field(default_factory=dict)
    state: Evidence.State = Evidence.State.VERIFIED


@dataclass(frozen=True, slots=True)
class Disregarded:
    """Something that was seen and does not count, and why, in a sentence for the player."""

    occurred_at: datetime
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """`used` are the ids of the evidence that a completion will consume; `detail` says what is
    missing where the numbers do not."""

    is_met: bool
    seen: int
    needed: int
    used: list[int]
    detail: str = ""


class Kind(ABC):
    """One kind of requirement. It overrides what it needs.

    `name` is what is stored; `is_answered` says whether the player sends something for it.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    is_answered: ClassVar[bool] = True
    # Whether the house sees its facts by itself: see quests.requirements.observed.
    is_observed: ClassVar[bool] = False
    # Whether wrong answers are counted, and pause the player: see quests.requirements.tries.
    is_guessable: ClassVar[bool] = False

    def clean(self, config: Config) -> dict[str, Any]:
        """The configuration as it is stored. ValueError with a sentence when it makes no sense."""
        return dict(config)

    def public(self, config: Config) -> dict[str, Any]:
        """What a player may see of the configuration: by default nothing."""
        del config
        return {}

    def submit(self, place: Place, answer: Any) -> Fact | None:
        """What the player sent, as a fact; None when it is a wrong answer. Problem (400) for what
        is no answer at all. Runs inside a transaction."""
        del place, answer
        raise Problem("step_not_answered", "Nothing is sent in for this step.", status=409)

    def keep(self, evidence: Evidence, answer: Any, *, is_new: bool) -> None:
        """Called with the fact's row, in the transaction that made it, for what belongs beside it;
        `is_new` is False when the very same fact was there before."""
        del evidence, answer, is_new

    def find(self, place: Place) -> Iterable[Fact]:
        """Facts that can be looked up, where nobody has pushed them yet."""
        del place
        return ()

    def disregarded(self, place: Place) -> Iterable[Disregarded]:
        """What was seen of her and became no evidence, the newest first."""
        del place
        return ()

    def describe(self, evidence: Evidence) -> str:
        """What it is, for the player who asks why."""
        del evidence
        return self.title

    def began(self, evidence: Evidence) -> datetime:
        """Of what lasted: its beginning. Gaps between steps are measured to it."""
        return evidence.occurred_at

    def needed(self, config: Config) -> int:
        """How many pieces of evidence it takes."""
        del config
        return 1

    def judge(self, step: Step, evidence: Sequence[Evidence]) -> Judgement:
        """`evidence` is verified, unused, and in the order of its occurrence."""
        needed = self.needed(step.config)
        used = [row.pk for row in evidence[:needed]]
        return Judgement(len(used) == needed, len(evidence), needed, used)


def text_of(answer: Any, *, longest: int) -> str:
    """An answer that is a text, else Problem `answer_invalid`."""
    if not isinstance(answer, str) or not answer.strip():
        raise invalid("The answer must be a text.")
    if len(answer) > longest:
        raise invalid(f"The answer must not be longer than {longest} characters.")
    return answer


def invalid(detail: str) -> Problem:
    errors = [{"field": "answer", "message": detail}]
    return Problem("answer_invalid", detail, status=400, errors=errors)


def whole_number(
    config: Config, name: str, default: int | None, *, at_least: int, at_most: int
) -> int:
    """A number of a configuration; ValueError when it is none, or out of bounds."""
    value = config.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not at_least <= value <= at_most:
        raise ValueError(f"“{name}” must be a whole number from {at_least} to {at_most}.")
    return value


def only(config: Config, *names: str) -> None:
    """ValueError when the configuration holds something that its kind does not know."""
    if unknown := sorted(set(config) - set(names)):
        known = ", ".join(names) or "nothing"
        raise ValueError(f"“{unknown[0]}” is unknown here; known: {known}.")
