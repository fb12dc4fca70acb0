"""What the board says of each quest to whoever looks: may she do it, has she done it, why not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Count
from django.utils import timezone

from accounts.models import User
from quests import prerequisites
from quests.models import Attempt, Completion, Quest, QuotaSlot
from quests.periods import period_of
from quests.prerequisites import Facts
from quests.selectors import facts_of

NOBODY = Facts(frozenset(), frozenset(), 0)


class State(StrEnum):
    """In the order in which the board shows them."""

    STARTED = "started"
    OPEN = "open"
    COOLING = "cooling down"
    LOCKED = "locked"
    UPCOMING = "upcoming"
    HELD = "held"
    COMPLETED = "completed"
    REVERSED = "reversed"
    SOLD_OUT = "no places left"
    ENDED = "ended"

    @property
    def order(self) -> int:
        return list(State).index(self)

    @property
    def slug(self) -> str:
        return self.value.replace(" ", "-")


_DONE = {
    Completion.Status.PAID: State.COMPLETED,
    Completion.Status.HELD: State.HELD,
    Completion.Status.REVERSED: State.REVERSED,
}


@dataclass(frozen=True, slots=True)
class Card:
    """`why` is what a locked one lacks; `at`, when it was completed, begins, or is open again."""

    quest: Quest
    state: State
    why: tuple[str, ...] = ()
    at: datetime | None = None
    places_left: int | None = None

    @property
    def is_playable(self) -> bool:
        return self.state in {State.OPEN, State.STARTED}


@dataclass(frozen=True, slots=True)
class Known:
    """What is read once for all cards, by quest: one query each, however many there are."""

    now: datetime
    facts: Facts
    names: Mapping[str, str]
    completions: Mapping[int, Completion]
    attempts: Mapping[int, str]
    places: Mapping[int, int]


def cards_of(quests: Iterable[Quest], player: User | None) -> list[Card]:
    """Those that she can go on with first."""
    quests = list(quests)
    known = _known(quests, player)
    cards = [_card(quest, known) for quest in quests]
    return sorted(cards, key=lambda card: (card.state.order, card.quest.number))


def _known(quests: list[Quest], player: User | None) -> Known:
    ids = [quest.pk for quest in quests]
    limited = [quest.pk for quest in quests if quest.quota]
    asks = any(quest.prerequisites for quest in quests)
    return Known(
        now=timezone.now(),
        facts=facts_of(player) if player and asks else NOBODY,
        names={f"quest {quest.number} completed": f"“{quest.title}”" for quest in quests},
        completions=_completions(player, ids) if player else {},
        attempts=_attempts(player, ids) if player else {},
        places=_places(limited) if limited else {},
    )


def _completions(player: User, quests: list[int]) -> dict[int, Completion]:
    """Of a repeating quest the newest one."""
    rows = Completion.objects.filter(player=player, quest__in=quests)
    newest = rows.order_by("quest_id", "-completed_at", "-pk").distinct("quest_id")
    return {row.quest_id: row for row in newest}


def _attempts(player: User, quests: list[int]) -> dict[int, str]:
    rows = Attempt.objects.filter(player=player, quest__in=quests)
    newest = rows.order_by("quest_id", "-pk").distinct("quest_id")
    return dict(newest.values_list("quest_id", "period"))


def _places(quests: list[int]) -> dict[int, int]:
    free = QuotaSlot.objects.filter(quest__in=quests, completion=None).values("quest")
    return dict(free.annotate(left=Count("pk")).values_list("quest", "left"))


def _card(quest: Quest, known: Known) -> Card:
    left = known.places.get(quest.pk, 0) if quest.quota else None
    state, why, at = _state(quest, known, left)
    return Card(quest, state, why, at, left)


def _state(
    quest: Quest, known: Known, left: int | None
) -> tuple[State, tuple[str, ...], datetime | None]:
    """What comes first is what a completion would be told first."""
    period = period_of(quest.recurrence, quest.period_zone, known.now)
    done = known.completions.get(quest.pk)
    if done and done.period == period:
        return _DONE[Completion.Status(done.status)], (), done.completed_at
    if found := _outside(quest, known.now):
        return found[0], (), found[1]
    if not prerequisites.is_met(quest.prerequisites, known.facts):
        return State.LOCKED, _lacking(quest, known), None
    if until := _cooling(quest, done, known.now):
        return State.COOLING, (), until
    is_started = known.attempts.get(quest.pk) == period
    free = State.STARTED if is_started else State.OPEN
    return (State.SOLD_OUT if left == 0 else free), (), None


def _outside(quest: Quest, now: datetime) -> tuple[State, datetime | None] | None:
    """Before it starts, or after its end."""
    if quest.status == Quest.Status.CLOSED or (quest.ends_at and now >= quest.ends_at):
        return State.ENDED, quest.ends_at
    if quest.starts_at and now < quest.starts_at:
        return State.UPCOMING, quest.starts_at
    return None


def _lacking(quest: Quest, known: Known) -> tuple[str, ...]:
    found = prerequisites.explain(quest.prerequisites, known.facts)
    return tuple(known.names.get(leaf.text, leaf.text) for leaf in found if not leaf.is_met)


def _cooling(quest: Quest, done: Completion | None, now: datetime) -> datetime | None:
    if not (done and quest.cooldown_seconds):
        return None
    until = done.completed_at + timedelta(seconds=quest.cooldown_seconds)
    return until if now < until else None
