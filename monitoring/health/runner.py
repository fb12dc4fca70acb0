"""Asks every part side by side, none for longer than its limit, and not more than once a second."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from functools import lru_cache
from threading import Lock
from typing import TypeVar

import structlog
from django.conf import settings
from django.core.signals import setting_changed
from django.db import connections
from django.utils.module_loading import import_string

from monitoring.health.report import Check, Status, worst

logger = structlog.get_logger("rallypoint.health")

KEEP_SECONDS = 1.0
DEFAULT_LIMIT = 1.0

CheckFunction = Callable[[], Check]
Function = TypeVar("Function", bound=CheckFunction)


def check(
    *, limit: float = DEFAULT_LIMIT, critical: bool = False
) -> Callable[[Function], Function]:
    """Of a check function. Without a `critical` part the service cannot do its work; every other
    one that fails or keeps silent for `limit` seconds only degrades it."""

    def mark(function: Function) -> Function:
        function.limit, function.critical = limit, critical  # type: ignore[attr-defined]
        return function

    return mark


class Runner:
    def __init__(self, functions: Mapping[str, CheckFunction]) -> None:
        self._functions = functions
        self._pool = ThreadPoolExecutor(len(functions) or 1, thread_name_prefix="health")
        self._running: dict[str, Future[Check]] = {}
        self._lock = Lock()
        self._results: dict[str, Check] = {}
        self._asked_at = float("-inf")

    def results(self) -> dict[str, Check]:
        """Callers who come together share one round."""
        with self._lock:
            if time.monotonic() - self._asked_at >= KEEP_SECONDS:
                self._results = self._ask()
                self._asked_at = time.monotonic()
            return self._results

    def _ask(self) -> dict[str, Check]:
        started = time.monotonic()
        for name, function in self._functions.items():
            # One that still hangs from the last round is not asked again: it would eat threads.
            if name not in self._running or self._running[name].done():
                self._running[name] = self._pool.submit(_timed, function)
        return {name: self._answer(name, started) for name in self._functions}

    def _answer(self, name: str, started: float) -> Check:
        function = self._functions[name]
        limit: float = getattr(function, "limit", DEFAULT_LIMIT)
        critical: bool = getattr(function, "critical", False)
        try:
            return self._running[name].result(max(0.0, started + limit - time.monotonic()))
        except FutureTimeoutError:
            status, error = Status.UNAVAILABLE, f"no answer within {limit:g} s"
        except Exception as failure:  # noqa: BLE001 - whatever it is, this part is not well
            logger.warning("health_check_failed", check=name, error=str(failure)[:300])
            status, error = Status.UNHEALTHY, type(failure).__name__
        return Check(status if critical else Status.DEGRADED, details={"error": error})


def _timed(function: CheckFunction) -> Check:
    started = time.perf_counter()
    try:
        result = function()
    finally:
        connections.close_all()  # this thread serves no request that would do it
    if result.latency_ms is not None:
        return result
    return replace(result, latency_ms=round((time.perf_counter() - started) * 1000, 2))


@lru_cache(maxsize=1)
def runner() -> Runner:
    return Runner({name: import_string(path) for name, path in settings.HEALTH_CHECKS.items()})


def overall(results: Mapping[str, Check]) -> Status:
    return worst(result.status for result in results.values())


def _forget(*, setting: str, **_: object) -> None:
    if setting == "HEALTH_CHECKS":
        runner.cache_clear()


setting_changed.connect(_forget, dispatch_uid="rallypoint.health")
