"""How many threads the event loop bears beside itself.

Threads are for waiting: while they wait for the database, the loop is woken on time however many
they are. When they compute, they and the loop take turns at one interpreter; more of them answer
nothing sooner, and the loop, which refuses, redirects and tells its health, comes late to all of
it. How late it comes tells the two apart, which no latency of an answer does.
"""

from collections.abc import Callable

WINDOW_SECONDS = 1.0
# Of the loop, on average. Python's threads change places after 5 ms, if nobody waits before.
LATE_SECONDS = 0.005
ON_TIME_SECONDS = LATE_SECONDS / 2
FEWER = 0.75
# One place is for writes: with two, a single slow read would be all of reading.
FEWEST_THREADS = 3


class PunctualLimit:
    """Fewer by a quarter for each second in which the loop was late, one more for each in which it
    was on time. `lag` is how late it was of late, in seconds."""

    def __init__(self, lag: Callable[[], float], *, lowest: int, highest: int) -> None:
        self._lag = lag
        self._lowest, self._highest = lowest, highest
        self._ends = 0.0
        self.limit = highest

    def look(self, now: float) -> bool:
        """At `now` (monotonic). Whether the limit may be another one now."""
        if now < self._ends:
            return False
        windows = 1 + int((now - self._ends) / WINDOW_SECONDS)  # nobody came in some of them
        self._ends = now + WINDOW_SECONDS
        lag = self._lag()
        if lag > LATE_SECONDS:
            self.limit = max(self._lowest, int(self.limit * FEWER))
        elif lag < ON_TIME_SECONDS:
            self.limit = min(self._highest, self.limit + windows)
        return True
