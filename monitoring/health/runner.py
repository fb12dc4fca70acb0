"""Asks every part side by side, none for longer than its limit, and not more than once a second.

How much a part matters depends on who asks: a web worker serves without its broker, which is all
that a Celery worker has.
"""

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from functools import lru_cache
from threading import Lock, Thread
from typing import NamedTuple, TypeVar

import structlog
from django.conf import settings
from django.core.signals import setting_changed
from django.db import connections
from django.utils.module_loading import import_string

from monitoring.health.report import Check, Status, worst

logger = structlog.get_logger("rallypoint.health")

KEEP_SECONDS = 1.0
WEB, WORKER, BEAT = "web", "worker", "beat"
DEFAULT_LIMIT = 1.0
# Nothing was measured then, and the hint of a limit that was passed would be a guess.
_UNSEEN = "This could not be looked at: mend `database`, `redis` and `cache` first."

CheckFunction = Callable[[], Check]
Function = TypeVar("Function", bound=CheckFunction)


def check(
    *,
    limit: float = DEFAULT_LIMIT,
    critical: bool | Collection[str] = False,
    every: float = 0.0,
    hint: str = "",
    unseen: str = _UNSEEN,
) -> Callable[[Function], Function]:
    """Of a check function. Without a `critical` part the service cannot do its work, or a process
    of the roles named cannot do its own; every other one that fails or keeps silent for `limit`
    seconds only degrades it. One that was well is left alone for `every` seconds; with one that is
    not, operators read the `hint`: which limit was passed, and what to do; `unseen`, when it could
    not be looked at."""

    def mark(function: Function) -> Function:
        function.terms = Terms(limit, critical, every, hint, unseen)  # type: ignore[attr-defined]
        return function

    return mark


class Terms(NamedTuple):
    """Of a check; seconds."""

    limit: float = DEFAULT_LIMIT
    critical: bool | Collection[str] = False
    every: float = 0.0
    hint: str = ""
    unseen: str = _UNSEEN

    def needed_by(self, role: str) -> bool:
        return self.critical if isinstance(self.critical, bool) else role in self.critical


class Runner:
    def __init__(self, functions: Mapping[str, CheckFunction], role: str = WEB) -> None:
        self._functions = functions
        self._role = role
        self._running: dict[str, Future[Check]] = {}
        self._lock = Lock()
        self._results: dict[str, Check] = {}
        self._rest_until: dict[str, float] = {}
        self._asked_at = float("-inf")
        self._failing: set[str] = set()

    def results(self) -> dict[str, Check]:
        """Callers who come together share one round."""
        with self._lock:
            if time.monotonic() - self._asked_at >= KEEP_SECONDS:
                self._results = self._ask()
                self._asked_at = time.monotonic()
            return self._results

    def _ask(self) -> dict[str, Check]:
        started = time.monotonic()
        asked = [name for name in self._functions if self._rest_until.get(name, 0.0) <= started]
        for name in asked:
            # One that still hangs from the last round is not asked again: it would eat threads.
            if name not in self._running or self._running[name].done():
                self._running[name] = _begin(name, self._functions[name])
        found = {name: self._answer(name, started) for name in asked}
        return {name: found.get(name) or self._results[name] for name in self._functions}

    def _answer(self, name: str, started: float) -> Check:
        terms: Terms = getattr(self._functions[name], "terms", Terms())
        hint = terms.unseen
        try:
            result = self._running[name].result(max(0.0, started + terms.limit - time.monotonic()))
        except FutureTimeoutError:
            error = f"no answer within {terms.limit:g} s"
            result = Check(Status.UNAVAILABLE, details={"error": error})
        except Exception as failure:  # noqa: BLE001 - whatever it is, this part is not well
            self._say_once(name, failure)
            result = Check(Status.UNHEALTHY, details={"error": type(failure).__name__})
        else:
            hint = terms.hint
            self._failing.discard(name)
        if result.status is Status.HEALTHY:
            self._rest_until[name] = started + terms.every
        elif hint:
            result = replace(result, details={**result.details, "hint": hint})
        if result.status.serves or terms.needed_by(self._role):
            return result
        return replace(result, status=Status.DEGRADED)

    def _say_once(self, name: str, failure: Exception) -> None:
        """Not every second of an outage: the state is in the report."""
        if name not in self._failing:
            logger.warning("health_check_failed", check=name, error=str(failure)[:300])
        self._failing.add(name)


def _begin(name: str, function: CheckFunction) -> Future[Check]:
    """In a daemon: an executor's threads are waited for when the process ends, and one that hangs
    in PostgreSQL would hold `manage.py health` back long after it has said so."""
    future: Future[Check] = Future()

    def work() -> None:
        try:
            future.set_result(_timed(function))
        except BaseException as error:  # noqa: BLE001 - whoever asks is told
            future.set_exception(error)

    Thread(target=work, name=f"health-{name}", daemon=True).start()
    return future


def _timed(function: CheckFunction) -> Check:
    started = time.perf_counter()
    try:
        result = function()
    finally:
        connections.close_all()  # this thread serves no request that would do it
    if result.latency_ms is not None:
        return result
    return replace(result, latency_ms=round((time.perf_counter() - started) * 1000, 2))


@lru_cache(maxsize=3)
def runner(role: str = WEB) -> Runner:
    """What the service is for a process of `role`."""
    functions = {name: import_string(path) for name, path in settings.HEALTH_CHECKS.items()}
    return Runner(functions, role)


def overall(results: Mapping[str, Check]) -> Status:
    return worst(result.status for result in results.values())


def _forget(*, setting: str, **_: object) -> None:
    if setting == "HEALTH_CHECKS":
        runner.cache_clear()


setting_changed.connect(_forget, dispatch_uid="rallypoint.health")
