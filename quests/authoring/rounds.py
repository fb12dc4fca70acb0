"""What is on record of a quest, a batch of players at a time: all that judging it anew needs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from accounts.models import User
from quests.models import (
    OVERALL,
    Attempt,
    Completion,
    EarnedAchievement,
    Evidence,
    Standing,
)
from quests.prerequisites import Facts

BATCH = 500
_NOBODY = Facts(frozenset(), frozenset(), 0)


@dataclass(slots=True)
class Round:
    """A player at a quest, once: with a completion, or still on the way. Evidence is verified, and
    in the order of its occurrence."""

    player_id: int
    username: str
    period: str
    facts: Facts
    completion: Completion | None = None
    evidence: list[Evidence] = field(default_factory=list)


def batches(quest_id: int, *, with_facts: bool, most: int) -> Iterator[list[Round]]:
    """The rounds of BATCH players, and of the next, until there are none or `most` were read. Each
    batch costs the same number of statements; `with_facts`, for prerequisites, three more."""
    last = read = 0
    while read < most and (ids := _players(quest_id, last, min(BATCH, most - read))):
        yield _rounds(quest_id, ids, _facts(ids) if with_facts else {})
        last, read = ids[-1], read + len(ids)


def _players(quest_id: int, after: int, limit: int) -> list[int]:
    """Who has started it, completed it, or has evidence for it, by their ids."""
    rows = [
        model._default_manager.filter(quest=quest_id, player__gt=after)  # noqa: SLF001 - Django's own name for it
        .order_by("player_id")
        .distinct()
        .values_list("player_id", flat=True)[:limit]
        for model in (Attempt, Completion, Evidence)
    ]
    return list(rows[0].union(*rows[1:]).order_by("player_id")[:limit])


def _rounds(quest_id: int, ids: Sequence[int], facts: dict[int, Facts]) -> list[Round]:
    names = dict(User.objects.filter(pk__in=ids).values_list("pk", "username"))
    found: dict[tuple[int, str], Round] = {}

    def at(player: int, period: str) -> Round:
        made = Round(player, names[player], period, facts.get(player, _NOBODY))
        return found.setdefault((player, period), made)

    mine = {"quest": quest_id, "player__in": ids}
    for player, period in Attempt.objects.filter(**mine).values_list("player_id", "period"):
        at(player, period)
    for completion in Completion.objects.filter(**mine):
        at(completion.player_id, completion.period).completion = completion
    evidence = Evidence.objects.filter(**mine, state=Evidence.State.VERIFIED)
    for row in evidence.order_by("occurred_at", "pk"):
        at(row.player_id, row.period).evidence.append(row)
    return list(found.values())


def _facts(ids: Sequence[int]) -> dict[int, Facts]:
    """As `quests.selectors.facts_of` has them of one player."""
    paid = Completion.objects.filter(player__in=ids, status=Completion.Status.PAID)
    quests = _grouped(paid.values_list("player_id", "quest__number").distinct())
    earned = EarnedAchievement.objects.filter(player__in=ids)
    badges = _grouped(earned.values_list("player_id", "achievement__slug"))
    standings = Standing.objects.filter(board=OVERALL, player__in=ids)
    xp = dict(standings.values_list("player_id", "xp"))
    return {
        id_: Facts(frozenset(quests[id_]), frozenset(badges[id_]), xp.get(id_, 0)) for id_ in ids
    }


def _grouped(pairs: Iterable[tuple[int, Any]]) -> dict[int, set[Any]]:
    grouped = defaultdict[int, set[Any]](set)
    for player, value in pairs:
        grouped[player].add(value)
    return grouped
