"""Whether a Redis is worth asking, known to all in a process who ask it. Imports no Django.

A Redis that hangs costs whoever meets it a time-out. So the first one to meet it says so for all,
and from then on a thread knocks, who has time, until it answers: nobody who comes later pays for
finding out. One answer lost by a Redis that is well costs KNOCK_SECONDS without it.
"""

import os
import time
from threading import Lock, Thread

import structlog
from redis import BusyLoadingError, Redis, ResponseError

from monitoring.breakers.breaker import Breaker, State

logger = structlog.get_logger("rallypoint.breakers")

KNOCK_SECONDS = 0.25
# Less than every time-out: who answered others meanwhile is slow, or our own processor is busy.
RECENT_SECONDS = 0.2


class Outage:
    """Its breaker is open for as long as it lasts. `client` is for knocking alone."""

    def __init__(self, breaker: Breaker, client: Redis) -> None:
        self._breaker = breaker
        self._client = client
        self._lock = Lock()
        self._knocking: Thread | None = None
        self._answered_at = float("-inf")
        os.register_at_fork(after_in_child=self._begin_anew)

    @property
    def is_on(self) -> bool:
        return self._breaker.state is State.OPEN

    def note_answer(self) -> None:
        self._answered_at = time.monotonic()

    def begin(self, error: BaseException) -> None:
        """For whoever was not answered; it may be known already. Nothing while others are, or when
        the answer was only no."""
        if isinstance(error, ResponseError) and not isinstance(error, BusyLoadingError):
            return
        if not self.is_on and time.monotonic() - self._answered_at < RECENT_SECONDS:
            return
        with self._lock:
            is_known = self._is_knocking()
            # The thread first: what nobody would end must not begin.
            if is_known or self._start_knocking():
                self._breaker.trip()
        if not is_known:
            logger.warning("redis_away", breaker=self._breaker.name, error=type(error).__name__)

    def _is_knocking(self) -> bool:
        return self._knocking is not None and self._knocking.is_alive()

    def _start_knocking(self) -> bool:
        self._knocking = Thread(target=self._knock, name="redis-outage", daemon=True)
        try:
            self._knocking.start()
        except RuntimeError:  # there are no more threads to be had
            return False
        return True

    def _knock(self) -> None:
        while True:
            time.sleep(KNOCK_SECONDS)
            answers = self._answers()
            with self._lock:
                if answers or not self.is_on:
                    self._knocking = None
                    self._breaker.reset()
                    break
        logger.info("redis_back", breaker=self._breaker.name)

    def _answers(self) -> bool:
        try:
            self._client.ping()
        except Exception:  # noqa: BLE001 - who knocks must go on: nobody else would end it
            return False
        return True

    def _begin_anew(self) -> None:
        """In a child: a thread that stayed behind may have held a lock, as did who knocked."""
        self._lock, self._knocking = Lock(), None
        self._breaker.begin_anew()
