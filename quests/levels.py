"""Levels are a reading of XP: nothing of them is stored, so they are always right."""

from bisect import bisect_right
from itertools import accumulate

# From level n to the next it takes 100 * n XP: 0, 100, 300, 600, 1,000, ...
STEP = 100
HIGHEST = 100
_FROM = tuple(accumulate(range(HIGHEST), lambda xp, level: xp + STEP * level))


def level_of(xp: int) -> int:
    """1 to HIGHEST; a player who owes XP is at level 1."""
    return max(1, bisect_right(_FROM, xp))
