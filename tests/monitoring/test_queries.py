"""Statements are counted for their request, told of when they are slow, and lost reads repeated."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from structlog.testing import capture_logs

from accounts.models import User
from monitoring.postgresql import plans, watching
from monitoring.postgresql.base import DatabaseWrapper
from monitoring.postgresql.plans import A_MINUTE, Plans, plan_of
from monitoring.postgresql.prepared import fetch_row
from monitoring.postgresql.tally import REPEATED, tallied
from monitoring.trace import bound
from tests.gate import Gate
from tests.monitoring.processes import eventually
from tests.monitoring.test_metrics import of_route, samples, scraped

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.monitoring.doors")]
SLOW = "SELECT pg_sleep(0.02), id FROM (SELECT 1) one LEFT JOIN accounts_user ON username = %s"


@pytest.fixture
def fresh_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_plans", Plans())


@pytest.fixture
def slow(settings: Any, fresh_plans: None) -> None:
    settings.SLOW_QUERY_THRESHOLD = 1


@pytest.fixture
def gate() -> Iterator[Gate]:
    where = connection.settings_dict
    made = Gate(where["HOST"] or "127.0.0.1", where["PORT"] or "5432")
    yield made
    made.shut()


@pytest.fixture
def wrapper(gate: Gate) -> Iterator[DatabaseWrapper]:
    """A connection of its own, by way of the gate, in no transaction."""
    where = {**connection.settings_dict, "HOST": "127.0.0.1", "PORT": str(gate.port)}
    made = DatabaseWrapper(where, alias="default")
    made.inc_thread_sharing()
    yield made
    made.close()


def ask(wrapper: Any, sql: str, *values: Any) -> Any:
    with wrapper.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


# --- Counting ---


def test_what_a_request_asks_is_counted_by_its_route(
    api: Callable[..., Any], alice: User, django_assert_num_queries: Any
) -> None:
    def counted() -> tuple[float, float]:
        found = of_route("/api/users")
        return (
            found.get(("rallypoint_request_queries_sum", ()), 0),
            found.get(("rallypoint_request_queries_count", ()), 0),
        )

    before, client = counted(), api(alice)
    with django_assert_num_queries(3):
        client.get("/api/users")
    after = counted()
    assert (after[0] - before[0], after[1] - before[1]) == (3, 1)


def test_statements_that_are_planned_once_count_too() -> None:
    with tallied() as tally:
        assert fetch_row("SELECT %(a)s::int", {"a": 1}) == (1,)
        ask(connection, "SELECT 2")
    assert tally.count == 2
    assert tally.seconds > 0


def test_in_production_the_line_of_a_request_says_nothing_of_it(client: Client) -> None:
    with capture_logs() as logged:
        client.get("/api/echo")
    assert [set(line) & {"queries", "queries_ms"} for line in logged] == [set()]


def test_in_development_the_line_has_the_number_and_the_time(
    settings: Any, api: Callable[..., Any], alice: User
) -> None:
    settings.ENABLE_QUERY_LOGGING = True
    client = api(alice)
    with capture_logs() as logged:
        client.get("/api/users")
    (line,) = [line for line in logged if line["event"] == "request"]
    assert line["queries"] == 3
    assert line["queries_ms"] > 0


def test_a_loop_of_statements_is_warned_of_in_development() -> None:
    with capture_logs() as logged, tallied(keep_texts=True) as tally:
        for number in range(REPEATED):
            ask(connection, f"SELECT {number}, %s", "a value")
        ask(connection, "SELECT 'once'")
        tally.hand_over("/looping")
    (warning,) = [line for line in logged if line["event"] == "query_repeated"]
    assert warning["times"] == REPEATED
    assert warning["statement"] == "SELECT ?, %s"
    assert warning["route"] == "/looping"


# --- Slow ones ---


def slow_lines(logged: list[Any]) -> list[Any]:
    return [line for line in logged if line["event"] == "slow_query"]


def test_a_slow_statement_is_told_with_its_plan_and_without_its_values(slow: None) -> None:
    with capture_logs() as logged, bound("of-a-request"):
        ask(connection, SLOW, "a-secret-name")
        assert eventually(lambda: bool(slow_lines(logged)))
    (line,) = slow_lines(logged)
    assert line["duration_ms"] >= 1
    assert line["statement"] == SLOW.replace("0.02", "…").replace("(SELECT 1)", "(SELECT ?)")
    assert "accounts_user" in line["plan"]
    assert "$1" in line["plan"]
    assert "a-secret-name" not in str(line)


def test_one_that_is_not_slow_is_not_told_of(fresh_plans: None) -> None:
    def counted() -> float:
        return samples(scraped()).get(("rallypoint_slow_queries_total", ()), 0.0)

    before = counted()
    with capture_logs() as logged:
        ask(connection, "SELECT 1")
    assert (logged, counted() - before) == ([], 0)


def test_one_that_fails_after_a_long_time_is_told_of(slow: None) -> None:
    with capture_logs() as logged, pytest.raises(OperationalError):
        ask(connection, "SET LOCAL statement_timeout = 20; SELECT pg_sleep(5)")
    (line,) = slow_lines(logged)
    assert line["error"] == "OperationalError"


def test_the_same_statement_is_explained_once_and_told_of_each_time(slow: None) -> None:
    with capture_logs() as logged:
        for _ in range(3):
            ask(connection, SLOW, "anybody")
        assert eventually(lambda: len(slow_lines(logged)) == 3)
    assert ["plan" in line for line in slow_lines(logged)].count(True) == 1


def test_plans_are_few_a_minute_and_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "plan_of", lambda *_: "a plan")
    made, told = Plans(), []
    for number in range(A_MINUTE * 3):
        made.explain(f"statement {number}", "SELECT 1", {}, told.append)
        assert eventually(lambda: not made._is_busy)
    assert told == ["a plan"] * A_MINUTE


def test_a_plan_runs_nothing() -> None:
    parameters = connection.get_connection_params()
    plan = plan_of("INSERT INTO accounts_user (username) VALUES (%s)", parameters)
    assert plan.startswith("Insert on accounts_user")
    assert not User.objects.exists()


@pytest.mark.parametrize("sql", ["SELECT no_such_column FROM accounts_user", "SELECT %s ~~ 'a"])
def test_where_there_is_no_plan_it_is_said_why(sql: str) -> None:
    assert plan_of(sql, connection.get_connection_params()).startswith("no plan: ")


def test_a_slow_statement_is_told_of_whatever_its_plan_meets(
    slow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> str:
        raise UnicodeError

    monkeypatch.setattr(plans, "plan_of", fails)
    monkeypatch.setattr(plans.threading, "excepthook", lambda _: None)
    with capture_logs() as logged:
        ask(connection, SLOW, "anybody")
        assert eventually(lambda: bool(slow_lines(logged)))
    assert slow_lines(logged)[0]["plan"] == "no plan"
    assert not watching._plans._is_busy


def test_a_server_that_is_away_gives_no_plan_and_no_failure(gate: Gate) -> None:
    gate.shut()
    where = {"host": "127.0.0.1", "port": gate.port, "dbname": "a"}
    assert plan_of("SELECT 1", where).startswith("no plan: ")


def test_a_server_that_hangs_is_not_waited_for_by_a_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "_LIMITS", "SELECT pg_sleep(60)")
    monkeypatch.setattr(plans._Brief, "answer_within", 0.1)
    started = time.monotonic()
    said = plan_of("SELECT 1", connection.get_connection_params())
    taken = time.monotonic() - started
    ask(connection, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE query = %s", plans._LIMITS)  # fmt: skip
    assert said == "no plan: PostgreSQL does not answer"
    assert taken < 20


def test_without_a_thread_for_it_a_slow_statement_is_told_without_its_plan(
    slow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(plans.threading.Thread, "start", none_left)
    with capture_logs() as logged:
        for _ in range(2):
            ask(connection, SLOW, "anybody")
    assert ["plan" in line for line in slow_lines(logged)] == [False, False]
    assert not watching._plans._is_busy


# --- The correlation id in the statement ---


def test_a_statement_carries_the_id_of_its_request(wrapper: DatabaseWrapper) -> None:
    with bound("of-a-request"):
        ((text,),) = ask(wrapper, "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()")
    assert text.endswith("/*correlation_id='of-a-request'*/")
    ((text,),) = ask(wrapper, "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()")
    assert "/*" not in text


def test_statements_that_are_planned_once_stay_so_under_different_ids() -> None:
    for number in range(3):
        with bound(f"of-request-{number}"):
            fetch_row("SELECT %(number)s + 50000", {"number": number})
    ((times,),) = ask(
        connection,
        "SELECT generic_plans + custom_plans FROM pg_prepared_statements"
        " WHERE statement LIKE '%%+ 50000%%'",
    )
    assert times == 3


# --- A connection that was lost ---


def lose(wrapper: DatabaseWrapper, gate: Gate) -> None:
    ask(wrapper, "SELECT 1")
    gate.break_connections()


def test_a_read_over_a_lost_connection_is_asked_once_more(
    wrapper: DatabaseWrapper, gate: Gate
) -> None:
    lose(wrapper, gate)
    assert ask(wrapper, "SELECT 7 + %s", 1) == [(8,)]


def test_so_is_one_over_a_connection_that_the_server_ended_with_a_word(
    wrapper: DatabaseWrapper,
) -> None:
    ((pid,),) = ask(wrapper, "SELECT pg_backend_pid()")
    ask(connection, "SELECT pg_terminate_backend(%s, 5000)", pid)
    assert ask(wrapper, "SELECT 7 + %s", 1) == [(8,)]


def test_a_write_is_not(wrapper: DatabaseWrapper, gate: Gate) -> None:
    lose(wrapper, gate)
    with pytest.raises(OperationalError):
        ask(wrapper, "UPDATE accounts_user SET username = username")


def test_nor_is_a_read_inside_of_a_transaction(wrapper: DatabaseWrapper, gate: Gate) -> None:
    wrapper.set_autocommit(False)
    lose(wrapper, gate)
    with pytest.raises(OperationalError):
        ask(wrapper, "SELECT 7")


def test_while_the_server_is_away_the_second_try_is_the_last(
    wrapper: DatabaseWrapper, gate: Gate
) -> None:
    ask(wrapper, "SELECT 1")
    gate.shut()
    started = time.monotonic()
    with pytest.raises(OperationalError):
        ask(wrapper, "SELECT 7")
    assert time.monotonic() - started < 10
