"""Levels are a reading of XP: nothing of them is stored, so they are always right."""

from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple

# From level n to the next it takes 100 * n XP: 0, 100, 300, 600, 1,000, ...
STEP = 100
HIGHEST = 100
_FROM = tuple(accumulate(range(HIGHEST), lambda xp, level: xp + STEP * level))


def level_of(xp: int) -> int:
    """1 to HIGHEST; a player who owes XP is at level 1."""
    return max(1, bisect_right(_FROM, xp))


class Span(NamedTuple):
    """Between two levels: `done` XP of the `whole` that the next one takes. At the highest both are
    what it took to come there."""

    level: int
    done: int
    whole: int

    @property
    def left(self) -> int:
        return self.whole - self.done


def span_of(xp: int) -> Span:
    level = level_of(xp)
    if level == HIGHEST:
        return Span(level, _FROM[-1], _FROM[-1])
    return Span(level, max(0, xp - _FROM[level - 1]), _FROM[level] - _FROM[level - 1])
