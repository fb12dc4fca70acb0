"""How many requests at once are good for this process: found out from how long they take.

The algorithm is Gradient2 of Netflix' concurrency-limits (Gradient2Limit.java, 2018). The limit is
multiplied by how much longer than usual an answer takes now, and a little is added to try whether
more would do. "Usual" is an exponential average over some hundred requests, so that a change of
what is asked for becomes usual by itself.
"""

from math import sqrt

WINDOW_SECONDS = 1.0
FEWEST_SAMPLES = 10
# Answers may take so much longer than usual before the limit falls.
TOLERANCE = 1.5
STEEPEST = 0.5
SMOOTHING = 0.2
LONG_SAMPLES = 600
WARM_UP = 10


class GradientLimit:
    def __init__(self, *, lowest: int, highest: int) -> None:
        self._lowest, self._highest = lowest, highest
        self._estimate = float(highest)
        self._usual = _Average()
        self._ends = self._seconds = 0.0
        self._count = self._most = 0

    @property
    def limit(self) -> int:
        return int(self._estimate)

    def observe(self, seconds: float, *, in_flight: int, now: float) -> bool:
        """Of an answer that came at `now` (monotonic), while so many were being made. Whether the
        limit may be another one now."""
        self._count += 1
        self._seconds += seconds
        self._most = max(self._most, in_flight)
        if now < self._ends or self._count < FEWEST_SAMPLES:
            return False
        self._update(max(self._seconds / self._count, 1e-6))
        self._ends, self._seconds = now + WINDOW_SECONDS, 0.0
        self._count = self._most = 0
        return True

    def _update(self, recent: float) -> None:
        usual = self._usual.add(recent)
        if usual > 2 * recent:  # what was slow for long is over
            self._usual.value *= 0.95
        if self._most < self._estimate / 2:  # nothing can be learnt while there is little to do
            return
        gradient = max(STEEPEST, min(1.0, TOLERANCE * usual / recent))
        wanted = self._estimate * gradient + sqrt(self._estimate)
        smoothed = (1 - SMOOTHING) * self._estimate + SMOOTHING * wanted
        self._estimate = min(self._highest, max(self._lowest, smoothed))


class _Average:
    """Exponential; of the first few it is the plain one."""

    def __init__(self) -> None:
        self.value = 0.0
        self._count = 0

    def add(self, value: float) -> float:
        if self._count < WARM_UP:
            self._count += 1
            self.value += (value - self.value) / self._count
        else:
            self.value += (value - self.value) * 2 / (LONG_SAMPLES + 1)
        return self.value
