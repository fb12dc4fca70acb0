"""Work that is done again and again: by a process beside its requests, in a thread of its own; or
by a task, for a while.

Imports no Django: what the work opens, it closes.
"""

import asyncio
import time
from collections.abc import Callable
from threading import Event, Thread

import structlog

logger = structlog.get_logger("rallypoint.regularly")

STOP_WITHIN = 1.0


def for_a_while(work: Callable[[], int], *, seconds: float) -> int:
    """Until there is nothing left to do (0) or the time is over. Returns how much was done."""
    done, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline and (some := work()):
        done += some
    return done


class Regularly:
    """`work` every `seconds`, the first time after `pause`; what it raises is logged and does not
    end it.

    The thread is a daemon: one that hangs in a dependency holds no process back.
    """

    def __init__(
        self, name: str, work: Callable[[], object], *, seconds: float, pause: float = 0.0
    ) -> None:
        self._name = name
        self._work = work
        self._seconds = seconds
        self._pause = pause
        self._woken, self._stopped = Event(), Event()
        self._thread: Thread | None = None

    async def start(self) -> None:
        self._thread = Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        self._stopped.set()
        self._woken.set()
        if self._thread:
            await asyncio.to_thread(self._thread.join, STOP_WITHIN)

    def wake(self) -> None:
        """Work now, not at the next beat. Costs a caller nothing."""
        self._woken.set()

    def _run(self) -> None:
        self._stopped.wait(self._pause)
        while not self._stopped.is_set():
            self._woken.clear()
            started = time.monotonic()
            try:
                self._work()
            except Exception:
                logger.exception("regular_work_failed", work=self._name)
            self._woken.wait(max(0.0, started + self._seconds - time.monotonic()))
