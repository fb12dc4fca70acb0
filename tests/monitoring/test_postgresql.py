"""A pool whose server is away says so at once, and serves again as soon as it is back."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from django.db import OperationalError, connection
from structlog.testing import capture_logs

from monitoring.postgresql.base import DatabaseWrapper
from monitoring.postgresql.connection import BoundedConnection
from monitoring.postgresql.pool import CHECK_SECONDS, FailFastPool
from monitoring.postgresql.prepared import fetch_row
from tests.gate import Gate

pytestmark = pytest.mark.django_db
POOL = {"min_size": 3, "max_size": 4, "timeout": 30, "max_waiting": 50}
# Nobody waited: far below the pool's time-out, which who waits takes, and far above a busy machine.
AT_ONCE = 10


@pytest.fixture
def gate() -> Iterator[Gate]:
    settings = connection.settings_dict
    made = Gate(settings["HOST"] or "127.0.0.1", settings["PORT"] or "5432")
    yield made
    made.shut()


@pytest.fixture
def wrapper(gate: Gate) -> Iterator[DatabaseWrapper]:
    settings = connection.settings_dict
    made = DatabaseWrapper(
        {
            **settings,
            "HOST": "127.0.0.1",
            "PORT": str(gate.port),
            "OPTIONS": {**settings["OPTIONS"], "pool": POOL},
        },
        # A receiver of Django asks for the connection of this alias when one is made.
        alias="default",
    )
    made.inc_thread_sharing()
    yield made
    made.close()
    made.close_pool()


def pool_of(wrapper: DatabaseWrapper) -> FailFastPool:
    assert wrapper.pool
    return wrapper.pool


def fill(wrapper: DatabaseWrapper) -> None:
    """Borrow and give back all its connections: then none is in the making."""
    ask(wrapper)
    pool = pool_of(wrapper)
    held = [pool.getconn() for _ in range(POOL["max_size"])]
    for one in held:
        pool.putconn(one)


def ask(wrapper: DatabaseWrapper) -> int:
    """What a request does: borrows a connection, asks, gives it back."""
    try:
        with wrapper.cursor() as cursor:
            cursor.execute("SELECT 7")
            (answer,) = cursor.fetchone()
            return int(answer)
    finally:
        wrapper.close()


def seconds_to_fail(wrapper: DatabaseWrapper) -> float:
    started = time.perf_counter()
    with pytest.raises(OperationalError):
        ask(wrapper)
    return time.perf_counter() - started


def wait_until_it_answers(wrapper: DatabaseWrapper) -> None:
    limit = time.monotonic() + AT_ONCE
    while True:
        try:
            ask(wrapper)
        except OperationalError:
            assert time.monotonic() < limit
            time.sleep(0.02)
        else:
            return


def test_the_pool_is_ours_and_one(wrapper: DatabaseWrapper) -> None:
    assert ask(wrapper) == 7
    assert isinstance(pool_of(wrapper), FailFastPool)
    assert wrapper.pool is wrapper.pool


def test_without_pool_options_there_is_none() -> None:
    settings = {**connection.settings_dict, "OPTIONS": {}}
    assert DatabaseWrapper(settings, alias="default").pool is None


def test_from_the_first_request_on_an_absent_server_costs_no_waiting(
    wrapper: DatabaseWrapper, gate: Gate
) -> None:
    fill(wrapper)
    gate.shut()
    times = [seconds_to_fail(wrapper) for _ in range(21)]
    assert max(times) < AT_ONCE


def test_a_process_that_starts_without_a_server_does_not_wait_either(
    wrapper: DatabaseWrapper, gate: Gate
) -> None:
    gate.shut()
    times = [seconds_to_fail(wrapper) for _ in range(5)]
    assert max(times) < AT_ONCE


def test_those_who_came_together_are_told_together(wrapper: DatabaseWrapper, gate: Gate) -> None:
    fill(wrapper)
    gate.shut()
    pool = pool_of(wrapper)

    def fail(_: int) -> float:
        started = time.perf_counter()
        with pytest.raises(Exception, match=r"away|closed|refused"):
            pool.getconn()
        return time.perf_counter() - started

    with ThreadPoolExecutor(16) as threads:
        assert max(threads.map(fail, range(64))) < AT_ONCE


def test_it_is_back_within_moments_and_with_all_its_connections(
    wrapper: DatabaseWrapper, gate: Gate
) -> None:
    fill(wrapper)
    gate.shut()
    seconds_to_fail(wrapper)
    gate.open()
    wait_until_it_answers(wrapper)
    fill(wrapper)


def test_after_a_restart_no_request_fails(wrapper: DatabaseWrapper, gate: Gate) -> None:
    fill(wrapper)
    gate.break_connections()
    assert [ask(wrapper) for _ in range(5)] == [7] * 5


def test_connections_that_the_server_has_ended_with_a_word_are_not_given_out(
    wrapper: DatabaseWrapper,
) -> None:
    fill(wrapper)
    with wrapper.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND client_port IS NOT NULL AND state = 'idle'"
        )
        assert len(cursor.fetchall()) >= POOL["max_size"] - 1
    wrapper.close()
    assert [ask(wrapper) for _ in range(5)] == [7] * 5


def test_a_server_that_is_full_is_not_away(
    wrapper: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = pool_of(wrapper)
    ask(wrapper)

    def full(*_: Any, **__: Any) -> Any:
        raise OperationalError("FATAL:  sorry, too many clients already")

    monkeypatch.setattr("psycopg_pool.ConnectionPool._connect", full)
    with pytest.raises(OperationalError, match="too many"):
        pool._connect()
    assert pool._away is None


def test_going_and_coming_back_are_each_said_once(wrapper: DatabaseWrapper, gate: Gate) -> None:
    fill(wrapper)
    with capture_logs() as logged:
        gate.shut()
        for _ in range(5):
            seconds_to_fail(wrapper)
        gate.open()
        wait_until_it_answers(wrapper)
    assert [line["event"] for line in logged] == ["database_away", "database_back"]


def test_a_gate_is_a_way_to_the_server(gate: Gate) -> None:
    with closing(DatabaseWrapper({**connection.settings_dict, "HOST": "127.0.0.1",
                                  "PORT": str(gate.port)}, alias="default")) as plain:  # fmt: skip
        assert ask(plain) == 7


def test_a_server_that_hangs_is_away_after_the_first_who_asks(
    wrapper: DatabaseWrapper, gate: Gate
) -> None:
    fill(wrapper)
    gate.freeze()
    seconds_to_fail(wrapper)
    times = [seconds_to_fail(wrapper) for _ in range(20)]
    assert sum(times) < AT_ONCE < len(times) * CHECK_SECONDS
    gate.thaw()
    wait_until_it_answers(wrapper)


def test_a_statement_that_is_never_answered_is_given_up(
    wrapper: DatabaseWrapper, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedConnection, "answer_within", 0.3)
    fill(wrapper)
    with wrapper.cursor() as cursor:
        gate.freeze()
        with pytest.raises(OperationalError, match="does not answer"):
            cursor.execute("SELECT 7")
    wrapper.close()
    gate.thaw()
    wait_until_it_answers(wrapper)


def test_a_statement_that_asks_for_it_is_planned_once_a_connection() -> None:
    for number in range(3):
        assert fetch_row("SELECT %(number)s + 40000", {"number": number}) == (number + 40_000,)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans + custom_plans FROM pg_prepared_statements"
            " WHERE statement LIKE '%%+ 40000%%'"
        )
        assert cursor.fetchall() == [(3,)]
