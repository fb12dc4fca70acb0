"""What the page of a quest shows: the quest, its steps, and where its player stands."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils import timezone

from accounts.models import User
from accounts.selectors import primary_addresses
from quests import selectors
from quests.completions.quota import places_left
from quests.definitions import QuestDefinition, Step, definition_of
from quests.explanation import Explanation, Places, StepExplanation, explain
from quests.markdown import render_within_page
from quests.models import Evidence, Quest
from quests.pages.cards import Card, State, cards_of
from quests.requirements.ordering import spoken_gap
from quests.requirements.registry import kind_of
from quests.requirements.wallet_signature import message_for

# What the panel says itself of a quest that asks for more steps.
_SAID_BY_STEPS = {"requirements_missing", "quest_already_completed"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the person was told, at which step ("": of the whole quest), and what she had sent."""

    step: str
    text: str
    sent: Mapping[str, Sequence[str]] = field(default_factory=dict)
    # The seconds after which it may go better, as the header Retry-After says them.
    wait: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    place: int
    text: str
    several: bool
    options: list[tuple[int, str, bool]]


@dataclass(frozen=True, slots=True)
class ShownStep:
    """`config` is what its kind shows of it; `extra`, what its own template needs beside that."""

    key: str
    kind: str
    title: str
    seen: int
    needed: int
    is_met: bool = False
    is_answered: bool = False
    missing: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    tries: Any = None
    newest: Evidence | None = None
    refusal: Refusal | None = None
    # When it counts, of a step that comes after another.
    order: str = ""

    @property
    def templates(self) -> list[str]:
        """Its kind's own, else one that fits any: a new kind needs no template."""
        return [f"quests/steps/{self.kind}.html", "quests/steps/generic.html"]

    @property
    def is_waiting(self) -> bool:
        return self.newest is not None and self.newest.state == Evidence.State.PENDING

    @property
    def rejected(self) -> Evidence | None:
        newest = self.newest
        is_rejected = newest is not None and newest.state == Evidence.State.REJECTED
        return newest if is_rejected else None

    @property
    def is_open(self) -> bool:
        """Whether an answer would be taken now."""
        tries = self.tries
        is_paused = tries and tries.closed_until and tries.closed_until > timezone.now()
        is_over = tries and tries.is_exhausted
        return not (self.is_met or self.is_waiting or is_paused or is_over)

    @property
    def closed_until(self) -> Any:
        until = self.tries.closed_until if self.tries else None
        return until if until and until > timezone.now() and not self.is_met else None


def quest_page(quest: Quest, player: User | None, refusal: Refusal | None) -> dict[str, Any]:
    definition = definition_of(quest)
    found = explain(player, definition) if player else None
    steps = _steps(definition, found, player)
    return {
        "quest": quest,
        "content": render_within_page(quest.content),
        "steps": [_with(step, refusal) for step in steps],
        "met": sum(step.is_met for step in steps),
        "refusal": refusal if refusal and not refusal.step else None,
        "why": found,
        "places": found.places if found else _places(quest),
        "obstacles": _obstacles(found),
        "earned": _earned(found),
        "is_open": _is_open(found),
        "closed": _closed(quest) if found is None else None,
    }


def _steps(
    quest: QuestDefinition, found: Explanation | None, player: User | None
) -> list[ShownStep]:
    if found is None or player is None:
        return [_plain(step) for step in quest.steps]
    return [
        _seen(quest.step(explained.id), explained, quest, found.period, player)
        for explained in found.steps
    ]


def _plain(step: Step) -> ShownStep:
    """To somebody who is not signed in."""
    needed = kind_of(step.kind).needed(step.config)
    return ShownStep(step.key, step.kind, step.title, 0, needed, order=_order(step))


def _order(step: Step) -> str:
    if not step.is_ordered:
        return ""
    gap = f", if it begins within {spoken_gap(step)}" if step.within else ""
    return f"Counts after the step before it{gap}."


def _seen(
    step: Step, explained: StepExplanation, quest: QuestDefinition, period: str, player: User
) -> ShownStep:
    kind = kind_of(step.kind)
    more = _EXTRAS.get(step.kind)
    return ShownStep(
        key=step.key,
        kind=step.kind,
        title=step.title,
        seen=min(explained.seen, explained.needed),
        needed=explained.needed,
        is_met=explained.is_met,
        is_answered=kind.is_answered,
        missing=explained.missing,
        config=kind.public(step.config),
        extra=more(step, quest, period, player) if more else {},
        tries=explained.tries,
        newest=explained.evidence[-1].evidence if explained.evidence else None,
        order=_order(step),
    )


def _with(step: ShownStep, refusal: Refusal | None) -> ShownStep:
    """With what was said of it, and what was sent: nobody has to fill in a form again."""
    said = refusal if refusal and refusal.step == step.key else None
    if step.kind == "quiz" and step.config:
        step = replace(step, extra={"questions": _questions(step.config, said)})
    return replace(step, refusal=said)


def _questions(config: Mapping[str, Any], said: Refusal | None) -> list[Question]:
    def options(place: int, texts: list[str]) -> list[tuple[int, str, bool]]:
        chosen = said.sent.get(f"q{place}", ()) if said else ()
        return [(number, text, str(number) in chosen) for number, text in enumerate(texts)]

    return [
        Question(place, asked["text"], asked["several"], options(place, asked["options"]))
        for place, asked in enumerate(config["questions"])
    ]


def _message(step: Step, quest: QuestDefinition, period: str, player: User) -> dict[str, Any]:
    del player
    return {"message": message_for(step.config["sentence"], quest.number, period)}


def _invitation(step: Step, quest: QuestDefinition, period: str, player: User) -> dict[str, Any]:
    del step, quest, period
    return {"wallet": primary_addresses([player.pk]).get(player.pk)}


_EXTRAS: dict[str, Callable[[Step, QuestDefinition, str, User], dict[str, Any]]] = {
    "wallet_signature": _message,
    "referral": _invitation,
}


def _obstacles(found: Explanation | None) -> list[Any]:
    """What no step of the page can clear."""
    obstacles = found.obstacles if found else []
    return [one for one in obstacles if one.code not in _SAID_BY_STEPS]


def _earned(found: Explanation | None) -> list[Any]:
    if found is None or found.completion is None:
        return []
    return list(found.completion.achievements.select_related("achievement"))


def _is_open(found: Explanation | None) -> bool:
    """Whether steps take answers: nothing stands in the way but the steps themselves."""
    return found is not None and found.completion is None and not _obstacles(found)


def _places(quest: Quest) -> Places | None:
    return Places(quest.quota, places_left(quest.pk)) if quest.quota else None


def _closed(quest: Quest) -> Card | None:
    """To somebody who is not signed in: that it has ended or not begun."""
    (card,) = cards_of([quest], None)
    return card if card.state in {State.ENDED, State.UPCOMING, State.SOLD_OUT} else None


def overview(player: User) -> dict[str, Any]:
    """Her figures, as they stand above her own pages."""
    standing = selectors.standing_of(player)
    return {
        "xp": standing.xp if standing else 0,
        "completed": standing.completions if standing else 0,
        "rank": selectors.rank_of(player),
    }
