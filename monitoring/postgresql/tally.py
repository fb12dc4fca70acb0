"""What one request asks of PostgreSQL: how many statements, for how long, and which ones again and
again. Imports no Django."""

from collections import Counter as CountBy
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

import structlog
from prometheus_client import Counter, Histogram

from monitoring.postgresql.statements import shape

logger = structlog.get_logger("rallypoint.database")

# The same statement so often in one request is a loop that wants to be one statement.
REPEATED = 5

QUERIES = Histogram(
    "rallypoint_request_queries",
    "SQL statements that Django sent for a request.",
    ["route"],
    buckets=(0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 100),
)
SECONDS = Counter(
    "rallypoint_request_query_seconds", "Time that requests waited for PostgreSQL.", ["route"]
)


class Tally:
    __slots__ = ("count", "seconds", "texts")

    def __init__(self, *, keep_texts: bool) -> None:
        self.count, self.seconds = 0, 0.0
        self.texts: CountBy[str] | None = CountBy() if keep_texts else None

    def add(self, sql: str, seconds: float) -> None:
        self.count += 1
        self.seconds += seconds
        if self.texts is not None:
            self.texts[sql] += 1

    def hand_over(self, route: str) -> dict[str, float]:
        """Counts for `route`, a pattern; gives what a development's log line says besides."""
        queries, seconds = _children(route)
        queries.observe(self.count)
        seconds.inc(self.seconds)
        if self.texts is None:
            return {}
        self._warn_of_repeats(self.texts, route)
        return {"queries": self.count, "queries_ms": round(self.seconds * 1000, 2)}

    @staticmethod
    def _warn_of_repeats(texts: CountBy[str], route: str) -> None:
        shapes: CountBy[str] = CountBy()
        for sql, times in texts.items():
            shapes[shape(sql)] += times
        for statement, times in shapes.most_common():
            if times < REPEATED:
                return
            logger.warning("query_repeated", route=route, times=times, statement=statement)


_current: ContextVar[Tally | None] = ContextVar("tally", default=None)


@contextmanager
def tallied(*, keep_texts: bool = False) -> Iterator[Tally]:
    """Statements that are sent inside, in this thread, are counted."""
    token = _current.set(tally := Tally(keep_texts=keep_texts))
    try:
        yield tally
    finally:
        _current.reset(token)


def count(sql: str, seconds: float) -> None:
    if (tally := _current.get()) is not None:
        tally.add(sql, seconds)


@lru_cache(maxsize=1024)
def _children(route: str) -> tuple[Histogram, Counter]:
    return QUERIES.labels(route), SECONDS.labels(route)
