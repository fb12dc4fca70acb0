"""One circuit: closed, open, half open, and closed again."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from threading import Lock
from types import TracebackType
from typing import Self

from monitoring.breakers import registry
from monitoring.breakers.window import Window


class State(StrEnum):
    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`window` is the number of last calls that are looked at, from `minimum` calls on. The circuit
    opens when `failure_rate` of them failed, or `slow_rate` of them took `slow_seconds`; for
    `open_seconds` everybody is refused then; and then `probes` calls are let through.

    A probe that has not come back after `probe_seconds` is given up, and others may try.
    """

    window: int = 20
    minimum: int = 5
    failure_rate: float = 0.5
    slow_rate: float = 0.5
    slow_seconds: float = inf
    open_seconds: float = 5.0
    probes: int = 1
    probe_seconds: float = 60.0


class BreakerOpenError(Exception):
    """Nobody was asked. `retry_after` is in seconds."""

    def __init__(self, name: str, retry_after: float) -> None:
        super().__init__(f"{name} has not been answering; it is not asked for now")
        self.name = name
        self.retry_after = retry_after


class Breaker:
    """`failures` are the exceptions that speak against who was asked; with every other one it has
    answered. What is no Exception (a cancelled task, an interrupt) says nothing about it.

    The lock is held for the accounts only, never during a call.
    """

    def __init__(
        self,
        name: str,
        limits: Limits | None = None,
        *,
        failures: tuple[type[Exception], ...] = (Exception,),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.limits = limits or Limits()
        self.failures = failures
        self.clock = clock
        self._lock = Lock()
        self._window = Window(self.limits.window)
        self._state = State.CLOSED
        # Raised by each change of state: who was let through before it does not count after it.
        self._era = 0
        self._until = 0.0
        self._probing = self._passed = 0
        registry.add(self)

    @property
    def state(self) -> State:
        return self._state

    def guard(self) -> "Guard":
        """For `with` or `async with`, once. BreakerOpenError on the way in."""
        return Guard(self)

    def admit(self) -> int:
        """Lets one call through and gives its era, for `record` or `give_back`; else
        BreakerOpenError."""
        with self._lock:
            before = self._state
            self._look_at_clock()
            admitted, era, now = self._take_place(), self._era, self._state
            wait = min(self.limits.open_seconds, max(0.0, self._until - self.clock()))
        registry.tell(self, before, now)
        if not admitted:
            registry.count_refusal(self.name)
            raise BreakerOpenError(self.name, wait)
        return era

    def record(self, era: int, *, failed: bool, seconds: float) -> None:
        slow = seconds >= self.limits.slow_seconds
        with self._lock:
            before = self._state
            if era == self._era:
                if before is State.HALF_OPEN:
                    self._judge_probe(failed or slow)
                else:
                    self._judge(failed, slow)
            now = self._state
        registry.tell(self, before, now)

    def give_back(self, era: int) -> None:
        """The call said nothing: its place among the probes is free for another one."""
        with self._lock:
            if era == self._era and self._state is State.HALF_OPEN:
                self._probing -= 1

    def trip(self) -> None:
        """Open until `reset`, for who has its own way to learn that the other one is back."""
        self._force(State.OPEN, until=inf)

    def reset(self) -> None:
        self._force(State.CLOSED, until=0.0)

    def begin_anew(self) -> None:
        """Closed, in a process that was forked while others may have held the lock."""
        self._lock = Lock()
        self._become(State.CLOSED, 0.0)

    def _force(self, state: State, until: float) -> None:
        """Not logged: who does this has its own words for it."""
        with self._lock:
            before = self._state
            self._become(state, until)
        registry.tell(self, before, state, logged=False)

    # --- Under the lock ---------------------------------------------------------------------------
    def _look_at_clock(self) -> None:
        if self._state is State.CLOSED or self.clock() < self._until:
            return
        if self._state is State.OPEN or self._probing >= self.limits.probes:
            self._become(State.HALF_OPEN, self.clock() + self.limits.probe_seconds)

    def _take_place(self) -> bool:
        if self._state is State.HALF_OPEN and self._probing < self.limits.probes:
            self._probing += 1
            return True
        return self._state is State.CLOSED

    def _judge(self, failed: bool, slow: bool) -> None:  # noqa: FBT001
        window, limits = self._window, self.limits
        window.add(failed=failed, slow=slow)
        is_bad = window.failure_rate >= limits.failure_rate or window.slow_rate >= limits.slow_rate
        if is_bad and len(window) >= limits.minimum:
            self._become(State.OPEN, self.clock() + limits.open_seconds)

    def _judge_probe(self, bad: bool) -> None:  # noqa: FBT001
        """One bad one is enough; for the good news all of them are needed."""
        if bad:
            self._become(State.OPEN, self.clock() + self.limits.open_seconds)
            return
        self._passed += 1
        if self._passed >= self.limits.probes:
            self._become(State.CLOSED, 0.0)

    def _become(self, state: State, until: float) -> None:
        self._state, self._until = state, until
        self._era += 1
        self._probing = self._passed = 0
        self._window = Window(self.limits.window)


class Guard:
    """One call. `fail()` says that it failed though nothing was raised."""

    __slots__ = ("_breaker", "_era", "_failed", "_started")

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._failed = False

    def fail(self) -> None:
        self._failed = True

    def __enter__(self) -> Self:
        self._era = self._breaker.admit()
        self._started = self._breaker.clock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        breaker = self._breaker
        if error is not None and not isinstance(error, Exception):
            breaker.give_back(self._era)
            return
        failed = self._failed or isinstance(error, breaker.failures)
        breaker.record(self._era, failed=failed, seconds=breaker.clock() - self._started)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, None)
