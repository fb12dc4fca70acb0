"""Every statement that Django sends passes here: counted for its request, told of when it is slow,
marked with the request's correlation id, and a read asked once more when its connection was lost.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from prometheus_client import Counter

from monitoring.postgresql import tally
from monitoring.postgresql.connection import SilentServerError
from monitoring.postgresql.plans import Plans
from monitoring.postgresql.statements import only_reads, shape
from monitoring.trace import correlation_id

logger = structlog.get_logger("rallypoint.database")

SLOW = Counter("rallypoint_slow_queries", "Statements that took SLOW_QUERY_THRESHOLD or longer.")
READ_AGAIN = Counter(
    "rallypoint_reads_repeated", "Reads asked once more because their connection was lost."
)

_plans = Plans()

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


def watch(execute: Execute, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:  # noqa: FBT001 - Django's signature
    """An execute wrapper, Django's hook for every statement."""
    with timed(context["connection"], sql):
        return _execute(execute, sql, params, many, context)


class timed:  # noqa: N801
    """`with timed(connection, sql):` for a statement that goes by another road than Django's."""

    __slots__ = ("_connection", "_sql", "_started")

    def __init__(self, connection: Any, sql: Any) -> None:
        self._connection, self._sql = connection, sql

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        seconds = time.perf_counter() - self._started
        tally.count(str(self._sql), seconds)
        if settings.ENABLE_QUERY_LOGGING:
            logger.debug("query", duration_ms=_ms(seconds), statement=shape(str(self._sql)))
        if seconds * 1000 >= settings.SLOW_QUERY_THRESHOLD:
            _tell_of_slow(self._connection, str(self._sql), seconds, error)


def _tell_of_slow(connection: Any, sql: str, seconds: float, error: BaseException | None) -> None:
    """At once, or as soon as its plan is known."""
    SLOW.inc()
    statement = shape(sql)
    facts: dict[str, Any] = {"duration_ms": _ms(seconds), "statement": statement}
    if error is not None:
        facts["error"] = type(error).__name__

    def tell(plan: str) -> None:
        logger.warning("slow_query", **facts, plan=plan)

    if not _plans.explain(statement, sql, connection.get_connection_params(), tell):
        logger.warning("slow_query", **facts)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _execute(execute: Execute, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:  # noqa: FBT001 - as above
    text = sql if many else commented(sql)
    try:
        return execute(text, params, many, context)
    except (OperationalError, InterfaceError) as error:
        if many or not _may_ask_again(sql, error, context):
            raise
        _replace_connection(context)
    READ_AGAIN.inc()
    logger.info("read_repeated")
    return execute(text, params, many, context)


def commented(sql: Any) -> Any:
    """With the correlation id, as sqlcommenter writes it: PostgreSQL's own log and its list of what
    is running then say which request it was. An id has no character that would end a comment."""
    value = correlation_id()
    return f"{sql} /*correlation_id='{value}'*/" if value and isinstance(sql, str) else sql


def _may_ask_again(sql: Any, error: Exception, context: dict[str, Any]) -> bool:
    """Only what changes nothing, by itself, over a connection that broke: a server that keeps
    silent would be waited for twice, and a transaction is gone as a whole."""
    connection = context["connection"]
    if connection.in_atomic_block or not connection.autocommit or not only_reads(str(sql)):
        return False
    has_name = hasattr(context["cursor"].cursor, "name")  # its rows are kept by the server
    lost = connection.connection is not None and connection.connection.closed
    return bool(lost) and not has_name and not isinstance(error.__cause__, SilentServerError)


def _replace_connection(context: dict[str, Any]) -> None:
    connection = context["connection"]
    connection.close()
    connection.ensure_connection()
    context["cursor"].cursor = connection.create_cursor()
