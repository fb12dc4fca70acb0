"""Steps that come one after another: what counts for one is what happens after the one before it
was met, and begins soon enough.

The first click need not be the one that the rest fits to; so each is tried as the beginning, until
all that follows is met.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from quests.definitions import Step
from quests.models import Evidence
from quests.requirements.base import Judgement
from quests.requirements.registry import kind_of

# Of one chain: who has clicked a thousand times is judged by some of it.
_MOST_TRIES = 300

Rows = Mapping[str, Sequence[Evidence]]


def judge_in_order(steps: Sequence[Step], rows: Rows) -> list[Judgement]:
    """A judgement a step. `rows` are by the step's key: free evidence, oldest first."""
    judgements: list[Judgement] = []
    for chain in _chains(steps):
        judgements += _Chain(chain, rows).judge()
    return judgements


def _chains(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """Each step that is not ordered begins a chain, of itself alone as a rule."""
    begins = [place for place, step in enumerate(steps) if not (place and step.is_ordered)]
    for begin, end in pairwise([*begins, len(steps)]):
        yield steps[begin:end]


class _Chain:
    def __init__(self, steps: Sequence[Step], rows: Rows) -> None:
        self._steps, self._rows = steps, rows
        self._tries_left = _MOST_TRIES

    def judge(self) -> list[Judgement]:
        return self._best(0, None)

    def _best(self, place: int, after: datetime | None) -> list[Judgement]:
        """Of this step and those that follow: the way on which most of them are met."""
        if place == len(self._steps):
            return []
        step, best = self._steps[place], list[Judgement]()
        rows = self._after(step, after)
        for start in range(max(1, len(rows))):
            judgement = self._in_time(step, rows[start:], after)
            rest = (
                self._best(place + 1, self._met_at(rows, judgement))
                if judgement.is_met
                else [_nothing_yet(later) for later in self._steps[place + 1 :]]
            )
            best = max(best or [judgement, *rest], [judgement, *rest], key=_met)
            self._tries_left -= 1
            if not judgement.is_met or _met(best) == len(best) or self._tries_left <= 0:
                break
        return best

    def _after(self, step: Step, after: datetime | None) -> list[Evidence]:
        rows = self._rows[step.key]
        if after is None:
            return list(rows)
        began = kind_of(step.kind).began
        return [row for row in rows if began(row) >= after and row.occurred_at > after]

    def _in_time(self, step: Step, rows: Sequence[Evidence], after: datetime | None) -> Judgement:
        kind = kind_of(step.kind)
        judgement = kind.judge(step, rows)
        if not (judgement.is_met and after and step.within):
            return judgement
        first = next(row for row in rows if row.pk in judgement.used)
        if kind.began(first) <= after + step.within:
            return judgement
        late = f"It must begin within {spoken_gap(step)} of the step before it."
        return Judgement(is_met=False, seen=0, needed=judgement.needed, used=[], detail=late)

    def _met_at(self, rows: Sequence[Evidence], judgement: Judgement) -> datetime:
        return max(row.occurred_at for row in rows if row.pk in judgement.used)


def _met(judgements: Sequence[Judgement]) -> int:
    return sum(judgement.is_met for judgement in judgements)


def _nothing_yet(step: Step) -> Judgement:
    needed = kind_of(step.kind).needed(step.config)
    detail = "It counts from when the step before it is met."
    return Judgement(is_met=False, seen=0, needed=needed, used=[], detail=detail)


def spoken_gap(step: Step) -> str:
    """How soon after the step before it this one must begin."""
    seconds = int(step.within.total_seconds()) if step.within else 0
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"
