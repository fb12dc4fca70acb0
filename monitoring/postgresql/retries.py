"""Trying a transaction again when PostgreSQL gave it up to let another one pass."""

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import structlog
from django.db import OperationalError, connection, transaction
from prometheus_client import Counter

logger = structlog.get_logger("rallypoint.database")

TRIES = 8
FIRST_WAIT = 0.01  # seconds
LONGEST_WAIT = 0.5
# Tries that each waited for a lock are few: the caller waits for all of them.
LAST_AFTER = 20.0
# Serialization failure, deadlock, lock time-out.
PASSING = frozenset({"40001", "40P01", "55P03"})
RETRIES = Counter(
    "rallypoint_transaction_retries_total", "Transactions tried again, by reason.", ["sqlstate"]
)

# Somebody further out will try again, with all the locks given back.
_is_tried: ContextVar[bool] = ContextVar("is_tried", default=False)

P = ParamSpec("P")
R = TypeVar("R")


def retried(work: Callable[P, R]) -> Callable[P, R]:
    """Runs `work` in a transaction, and all of it again after a passing failure: exponential
    back-off with full jitter, TRIES in all and none after LAST_AFTER, then the error goes on to
    the caller.

    Inside another transaction it is a savepoint that is tried again: rolling back to it gives back
    the locks taken since. What the other one waits for may have been taken before; so inside of
    another `retried` it is that one, all of it, that is tried again.
    """

    @wraps(work)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        if _is_inside():
            with transaction.atomic():
                return work(*args, **kwargs)
        return _try(transaction.atomic, lambda: work(*args, **kwargs))

    return wrapped


def retried_statement(work: Callable[P, R]) -> Callable[P, R]:
    """The same for `work` that is one statement: by itself, it is a transaction already."""

    @wraps(work)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        if _is_inside():
            return work(*args, **kwargs)
        around = transaction.atomic if connection.in_atomic_block else nullcontext
        return _try(around, lambda: work(*args, **kwargs))

    return wrapped


def _is_inside() -> bool:
    """What runs after a commit is inside of nothing, though its caller has not returned."""
    return _is_tried.get() and connection.in_atomic_block


def _try(around: Callable[[], AbstractContextManager[Any]], work: Callable[[], R]) -> R:
    token = _is_tried.set(True)
    last_at = time.monotonic() + LAST_AFTER
    try:
        for tries in range(1, TRIES + 1):
            try:
                with around():
                    return work()
            except OperationalError as error:
                is_last = tries == TRIES or time.monotonic() > last_at
                if (state := _passing(error)) is None or is_last:
                    raise
            RETRIES.labels(state).inc()
            logger.info("transaction_retried", sqlstate=state, tries=tries)
            time.sleep(random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2**tries)))  # noqa: S311 - no secret
    finally:
        _is_tried.reset(token)
    raise AssertionError("unreachable")


def _passing(error: OperationalError) -> str | None:
    state = getattr(error.__cause__, "sqlstate", None)
    return state if state in PASSING else None
