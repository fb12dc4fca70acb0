"""What clients saw with their own eyes: the checker's side of the story."""

import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple


class Cell(NamedTuple):
    """Clicks that can be told from all others: a link's, by a visitor who said to be there. One
    whose answer never came is the last of its cell, so no cell forgives more than one."""

    slug: str
    country: str


@dataclass
class Notes:
    """`seen` are 302s; `unknown` those whose answer never came, stored or not. `losable` are the
    countries of clicks that were made while neither Redis nor a disk could take them.
    `paid` are the ids that answers gave, by (player, quest)."""

    seen: Counter[Cell] = field(default_factory=Counter)
    unknown: Counter[Cell] = field(default_factory=Counter)
    losable: set[str] = field(default_factory=set)
    # First tries that were no 302, by the fault of that moment and what was met.
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    first_tries: int = 0
    saved: int = 0  # by a second try within a second
    paid: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    asked: set[tuple[str, int]] = field(default_factory=set)
    given_up: list[str] = field(default_factory=list)
    acknowledged: dict[tuple[str, str], int] = field(default_factory=dict)  # (room, words): seq
    disorder: list[str] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)  # that the receiver took, by id
    told_of: Counter[str] = field(default_factory=Counter)  # the completions that they speak of
    fault: str = ""  # what is broken now
    went_well: dict[str, float] = field(default_factory=dict)  # when last, by what
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def availability(self) -> float:
        """Of all clicks, the share that was sent on at the first try."""
        return 1 - self.refused.total() / max(1, self.first_tries)

    @property
    def availability_in_two(self) -> float:
        return 1 - (self.refused.total() - self.saved) / max(1, self.first_tries)

    def note_well(self, what: str) -> None:
        self.went_well[what] = time.monotonic()

    def is_well_since(self, moment: float, *what: str) -> bool:
        return all(self.went_well.get(one, 0.0) > moment for one in what)
