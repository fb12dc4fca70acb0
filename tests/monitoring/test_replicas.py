"""Reads that may be a little old, over a primary and a replica that really follows it."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError, connection, connections, transaction

from config.connections import django_database
from monitoring.embedded.postgres import Postgres
from monitoring.postgresql import replicas as module
from monitoring.postgresql.replicas import Replicas
from tests.monitoring.test_metrics import samples, scraped
from tests.replication import Replica, following, lone_primary, replay_paused
from tests.stack import wait_until

PRIMARY, REPLICA = "origin", "copy"


@pytest.fixture(scope="module")
def primary() -> Iterator[Postgres]:
    with lone_primary() as running:
        yield running


@pytest.fixture(scope="module")
def replica(primary: Postgres) -> Iterator[Replica]:
    with following(primary) as running:
        yield running


def connected(alias: str, server: Postgres) -> None:
    where = django_database(server.url, options={"connect_timeout": 2}, pool_max=0)
    connections.databases[alias] = {**connection.settings_dict, **where}


@pytest.fixture(autouse=True)
def _databases(
    primary: Postgres, replica: Replica, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Nobody waits for the next look, and a replica that went is asked again soon."""
    monkeypatch.setattr(module, "KEEP_SECONDS", 0.0)
    connected(PRIMARY, primary)
    connected(REPLICA, replica)
    with django_db_blocker.unblock():
        ask(PRIMARY, "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 1 AS number")
        yield
        for alias in (PRIMARY, REPLICA):
            connections[alias].close()
            del connections[alias], connections.databases[alias]


@pytest.fixture
def pair() -> Replicas:
    made = Replicas((REPLICA,), max_lag=0.2, primary=PRIMARY)
    wait_until(lambda: made.choose() == REPLICA)
    return made


def ask(alias: str, statement: str) -> Any:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None


def place(alias: str) -> str:
    return alias


def falls_back(pair: Replicas, trouble: str) -> Callable[[], bool]:
    return lambda: pair.choose() == PRIMARY and pair.looks()[REPLICA].trouble == trouble


def fallbacks(reason: str) -> float:
    key = ("rallypoint_analytics_fallbacks_total", (("reason", reason),))
    return samples(scraped()).get(key, 0.0)


def test_a_replica_that_keeps_up_is_read(pair: Replicas) -> None:
    assert pair.read(place) == REPLICA
    ask(PRIMARY, "INSERT INTO kept VALUES (2)")
    wait_until(lambda: pair.read(lambda alias: ask(alias, "SELECT count(*) FROM kept")) == (2,))
    assert pair.looks()[REPLICA].lag == 0.0


def test_one_that_lags_by_more_than_it_may_is_read_again_when_it_has_caught_up(
    pair: Replicas, replica: Replica
) -> None:
    with replay_paused(replica):
        ask(PRIMARY, "INSERT INTO kept VALUES (2)")
        wait_until(falls_back(pair, "lag"))
        assert pair.looks()[REPLICA].lag > 0.2
        assert pair.read(lambda alias: ask(alias, "SELECT count(*) FROM kept")) == (2,)
        assert fallbacks("lag") > 0
    wait_until(lambda: pair.read(place) == REPLICA)


def test_a_replica_that_nothing_is_written_for_is_not_behind(pair: Replicas) -> None:
    """The stamp of its last commit grows older all the time."""
    stamp = "SELECT now() - pg_last_xact_replay_timestamp() > interval '0.3 s'"
    wait_until(lambda: ask(REPLICA, stamp) == (True,))
    assert pair.choose() == REPLICA


def test_a_transaction_reads_where_it_writes(pair: Replicas) -> None:
    with transaction.atomic(using=PRIMARY):
        assert pair.read(place) == PRIMARY
    assert pair.read(place) == REPLICA


def test_a_replica_that_was_killed_costs_nobody_an_answer(
    pair: Replicas, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEEP_SECONDS", 3600.0)  # they believe that it is well
    replica.stop()
    try:
        assert pair.read(lambda alias: ask(alias, "SELECT 'served'")) == ("served",)
        assert fallbacks("away") > 0
        asked: list[str] = []
        monkeypatch.setattr(module, "KEEP_SECONDS", 0.0)
        row = module._row
        monkeypatch.setattr(module, "_row", lambda *args: asked.append(args[0]) or row(*args))
        assert [pair.read(place) for _ in range(20)] == [PRIMARY] * 20
        assert asked.count(REPLICA) == 0  # it is left alone for a while
    finally:
        replica.start()


def test_a_replica_that_is_back_is_read_again(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMITS", module.Limits(minimum=1, window=1, open_seconds=0.1))
    pair = Replicas((REPLICA,), max_lag=5, primary=PRIMARY)
    replica.stop()
    connections[REPLICA].close()
    wait_until(falls_back(pair, "away"))
    replica.start()
    wait_until(lambda: pair.read(place) == REPLICA)


def test_a_read_that_is_in_the_way_of_replay_is_asked_of_the_primary(pair: Replicas) -> None:
    """PostgreSQL gives it up there; that says nothing against the replica."""
    ask(PRIMARY, "INSERT INTO kept SELECT generate_series(2, 1000)")
    wait_until(lambda: ask(REPLICA, "SELECT count(*) FROM kept") == (1000,))
    before = fallbacks("conflict")

    def work(alias: str) -> tuple[str, Any]:
        slow = "SELECT count(*) FROM kept, pg_sleep(20)" if alias == REPLICA else "SELECT 1"
        return alias, ask(alias, slow)

    def tidy() -> None:
        slowly = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND state = 'active' AND pid <> pg_backend_pid()"  # noqa: E501 - one statement
        wait_until(lambda: ask(REPLICA, slowly))
        ask(PRIMARY, "DELETE FROM kept")
        ask(PRIMARY, "VACUUM kept")
        connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        tidying = pool.submit(tidy)
        assert pair.read(work) == (PRIMARY, (1,))
        tidying.result()
    assert fallbacks("conflict") == before + 1
    wait_until(lambda: pair.read(place) == REPLICA)


def test_an_error_of_the_statement_itself_is_not_tried_twice(pair: Replicas) -> None:
    asked = []

    def work(alias: str) -> Any:
        asked.append(alias)
        return ask(alias, "SELECT nothing")

    with pytest.raises(ProgrammingError):
        pair.read(work)

    def slow(alias: str) -> Any:
        asked.append(alias)
        ask(alias, "SET statement_timeout = 50")
        return ask(alias, "SELECT pg_sleep(5)")

    with pytest.raises(OperationalError):
        pair.read(slow)
    assert asked == [REPLICA, REPLICA]
    assert pair.choose() == REPLICA  # it did answer


def test_without_a_primary_nobody_says_that_a_replica_is_up_to_date(
    pair: Replicas, primary: Postgres
) -> None:
    connections[PRIMARY].close()
    primary.stop()
    try:
        assert pair.choose() == PRIMARY
        assert pair.looks()[REPLICA].trouble == "unknown"
    finally:
        primary.start()
    wait_until(lambda: pair.choose() == REPLICA, seconds=30)


def test_a_replica_that_was_promoted_is_none_any_more(primary: Postgres) -> None:
    with following(primary) as other:
        connections[REPLICA].close()
        connected(REPLICA, other)
        pair = Replicas((REPLICA,), max_lag=5, primary=PRIMARY)
        del connections[REPLICA]
        wait_until(lambda: pair.choose() == REPLICA)
        ask(REPLICA, "SELECT pg_promote()")
        wait_until(falls_back(pair, "promoted"))
        connections[REPLICA].close()


def test_many_callers_share_one_look(pair: Replicas, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(module, "KEEP_SECONDS", 3600.0)
    monkeypatch.setattr(pair, "_look_again", lambda: asked.append("looked"))
    started = time.monotonic()
    assert {pair.choose() for _ in range(1000)} == {REPLICA}
    assert asked == []
    assert time.monotonic() - started < 1
