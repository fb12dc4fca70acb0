"""How late an event loop is: who asks to be woken in a tenth of a second is woken when the loop
has time for it, and the difference is what every request waits for. Imports no Django."""

import asyncio
import contextlib

from prometheus_client import Histogram

INTERVAL = 0.1
# Of one wake-up in the exponential average; one that was held up for long counts as this much.
WEIGHT, MOST = 0.2, 0.05

LAG = Histogram(
    "rallypoint_event_loop_lag_seconds",
    "How much later than asked for an event loop of a web worker woke up.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)


class LoopLag:
    """Starts and stops with the event loop that it measures. `recent` is an exponential average, in
    seconds, which a single stop (of the garbage collector, say) does not govern."""

    def __init__(self) -> None:
        self.recent = 0.0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.recent = 0.0
        self._task = asyncio.create_task(self._measure())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + INTERVAL
            await asyncio.sleep(INTERVAL)
            late = max(0.0, loop.time() - due)
            LAG.observe(late)
            self.recent += (min(late, MOST) - self.recent) * WEIGHT
