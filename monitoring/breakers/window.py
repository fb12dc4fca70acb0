"""How the last calls went."""

from collections import deque


class Window:
    """The last `size` calls. O(1) a call: the sums are kept, the oldest call is taken off them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._calls: deque[tuple[bool, bool]] = deque()
        self._failed = self._slow = 0

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, *, failed: bool, slow: bool) -> None:
        if len(self._calls) == self._size:
            old_failed, old_slow = self._calls.popleft()
            self._failed -= old_failed
            self._slow -= old_slow
        self._calls.append((failed, slow))
        self._failed += failed
        self._slow += slow

    @property
    def failure_rate(self) -> float:
        return self._failed / len(self._calls) if self._calls else 0.0

    @property
    def slow_rate(self) -> float:
        return self._slow / len(self._calls) if self._calls else 0.0
