"""How PostgreSQL would carry out a slow statement, asked beside the road and rarely.

The statement is prepared, and its generic plan is shown: EXPLAIN without ANALYZE runs nothing, and
no value is sent, so that none can be in what is logged. (PostgreSQL 16 has GENERIC_PLAN for that;
a forced generic plan of a prepared statement is the same, and older ones have it too.)
"""

import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import psycopg

from monitoring.postgresql.connection import BoundedConnection
from monitoring.postgresql.statements import first_line, has_a_plan, hide_texts, numbered

A_MINUTE = 6
SAME_AFTER = 600.0  # seconds, until the same statement is explained again
REMEMBERED = 256
LONGEST = 6_000
_LIMITS = """
SET LOCAL statement_timeout = '1s'; SET LOCAL lock_timeout = '100ms';
SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL jit = off
"""

Tell = Callable[[str], None]


class Plans:
    """Of one process: A_MINUTE at most, one at a time, and none twice within SAME_AFTER."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at: deque[float] = deque(maxlen=A_MINUTE)
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._is_busy = False

    def explain(self, statement: str, sql: str, parameters: dict[str, Any], tell: Tell) -> bool:
        """Whether `tell` will be called, in a thread of its own and in the caller's context, with
        the plan of `sql`. `statement` is its shape, `parameters` are psycopg's for a connection."""
        if not has_a_plan(sql) or not self._may_ask(statement):
            return False
        work = (copy_context().run, (self._ask, sql, parameters, tell))
        try:
            threading.Thread(target=work[0], args=work[1], name="plan", daemon=True).start()
        except RuntimeError:  # no more threads: nobody's request fails for a plan
            self._is_busy = False
            return False
        return True

    def _may_ask(self, statement: str) -> bool:
        now = time.monotonic()
        with self._lock:
            is_full = len(self._asked_at) == A_MINUTE and now - self._asked_at[0] < 60
            is_known = now - self._seen.get(statement, float("-inf")) < SAME_AFTER
            if self._is_busy or is_full or is_known:
                return False
            self._is_busy = True
            self._asked_at.append(now)
            self._seen[statement] = now
            self._seen.move_to_end(statement)
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        return True

    def _ask(self, sql: str, parameters: dict[str, Any], tell: Tell) -> None:
        plan = "no plan"
        try:
            plan = plan_of(sql, parameters)
        finally:
            self._is_busy = False
            tell(plan)


class _Brief(BoundedConnection):
    answer_within = 3.0  # of a server that keeps no limits itself


def plan_of(sql: str, parameters: dict[str, Any]) -> str:
    """The plan, or why there is none. Waits for 2 s to connect, and for 3 s to be answered."""
    own = {"cursor_factory": psycopg.Cursor, "autocommit": True, "prepare_threshold": None}
    try:
        with _Brief.connect(**{**parameters, **own, "connect_timeout": 2}) as connection:
            return _explain(connection, sql)
    except psycopg.Error as error:
        return f"no plan: {hide_texts(first_line(error))}"


def _explain(connection: psycopg.Connection[Any], sql: str) -> str:
    text, count = numbered(sql)
    name = f"slow_{secrets.token_hex(4)}"
    values = f"({', '.join(['NULL'] * count)})" if count else ""
    with connection.transaction(force_rollback=True):
        connection.execute(_LIMITS)
        # rule: sql - what was executed before, under a name of ours
        connection.execute(f"PREPARE {name} AS {text}".encode())
        # rule: sql - that name, and NULLs
        rows = connection.execute(f"EXPLAIN EXECUTE {name}{values}".encode()).fetchall()
        # rule: sql - that name again
        connection.execute(f"DEALLOCATE {name}".encode())
    return hide_texts("\n".join(row[0] for row in rows))[:LONGEST]
