"""What clients saw with their own eyes: the checker's side of the story."""

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass
class Notes:
    """`clicks` are 302s by slug; `unknown` those whose answer never came, stored or not.
    `paid` are completions by (player, quest), with every id that an answer gave for it."""

    clicks: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(
        default_factory=Counter
    )  # why a redirect was none, by what was met
    paid: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    asked: set[tuple[str, int]] = field(default_factory=set)
    acknowledged: set[tuple[str, str]] = field(default_factory=set)  # (room, words)
    delivered: Counter[str] = field(default_factory=Counter)  # by the id of a delivery
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def availability(self) -> float:
        """Of the first tries of all clicks, the share that was sent on."""
        answered = self.clicks.total()
        return answered / max(1, answered + self.refused.total())
