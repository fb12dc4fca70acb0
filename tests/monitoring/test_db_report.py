"""The report finds what was put there for it to find, changes nothing, and tells no values."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from monitoring.embedded import EmbeddedServers, binaries
from monitoring.postgresql import report, report_queries
from monitoring.postgresql.report import make_report
from tests.monitoring.processes import eventually

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("db_report", *arguments, stdout=out)
    return out.getvalue()


def sections(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("--json", *arguments))["sections"]
    return found


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def somebody_else() -> Iterator[psycopg.Connection[Any]]:
    where = connection.get_connection_params() | {"cursor_factory": psycopg.ClientCursor}
    with closing(psycopg.connect(**where)) as made:
        yield made


def test_every_part_can_be_read_and_is_json() -> None:
    found = sections()
    assert list(found) == ["slowest", *report_queries.PARTS]
    assert [part for part in found.values() if "could not be read" in part["note"]] == []
    assert found["sizes"]["rows"]
    assert found["cache"]["rows"][0].keys() >= {"tablesHitPercent", "indexesHitPercent"}


def test_a_person_gets_tables_with_as_many_rows_as_she_wants() -> None:
    text = run("--limit", "3")
    assert "The biggest tables" in text
    assert len(text.split("The biggest tables\n")[1].splitlines()) == 1 + 3
    assert len(sections("--limit", "3")["sizes"]["rows"]) == 3


def test_a_foreign_key_without_an_index_is_found_and_one_with_it_is_not() -> None:
    execute(
        "CREATE TABLE report_parent (id int PRIMARY KEY)",
        "CREATE TABLE report_bare (parent int REFERENCES report_parent)",
        "CREATE TABLE report_good (parent int REFERENCES report_parent)",
        "CREATE INDEX ON report_good (parent)",
    )
    rows = {row["table"]: row for row in sections("--limit", "500")["foreignKeys"]["rows"]}
    assert rows["report_bare"]["columns"] == "parent"
    assert rows["report_bare"]["refersTo"] == "report_parent"
    assert "report_good" not in rows


def test_an_index_that_nothing_reads_is_found_and_a_unique_one_is_not() -> None:
    execute(
        "CREATE TABLE report_indexed (a int UNIQUE, b int)",
        "CREATE INDEX report_never_read ON report_indexed (b)",
    )
    found = {row["index"] for row in sections("--limit", "500")["unused"]["rows"]}
    assert "report_never_read" in found
    assert "report_indexed_a_key" not in found


def test_room_without_need_is_estimated() -> None:
    execute(
        "CREATE TABLE report_full AS SELECT n, repeat('x', 100) FROM generate_series(1, 20000) n",
        "CREATE TABLE report_empty AS SELECT n, repeat('x', 100) FROM generate_series(1, 20000) n",
        "DELETE FROM report_empty WHERE n > 2000",
        "ANALYZE report_full", "ANALYZE report_empty",
    )  # fmt: skip
    rows = {row["table"]: row for row in sections("--limit", "500")["bloat"]["rows"]}
    assert rows["report_empty"]["wastedPercent"] > 80
    assert rows["report_full"]["wastedPercent"] < 15


def test_a_long_transaction_is_shown_without_its_values() -> None:
    with somebody_else() as other:
        other.execute("SELECT %s, 4711", ["a-secret-value"])
        text, pid = run("--json", "--long-seconds", "0"), other.info.backend_pid
    (row,) = [
        row for row in json.loads(text)["sections"]["longTransactions"]["rows"] if row["pid"] == pid
    ]
    assert row["state"] == "idle in transaction"
    assert row["statement"] == "SELECT ?, ?"
    assert "a-secret-value" not in text
    assert "4711" not in text


def test_who_waits_for_a_lock_is_shown_with_who_holds_it() -> None:
    take = "SELECT pg_advisory_xact_lock(4711)"
    with somebody_else() as holder, somebody_else() as waiter:
        holder.execute(take)
        waiting = Thread(target=waiter.execute, args=(take,))
        waiting.start()
        found: list[Any] = []

        def is_seen() -> bool:
            found[:] = [
                row for row in sections()["locks"]["rows"] if row["pid"] == waiter.info.backend_pid
            ]
            return bool(found)

        assert eventually(is_seen)
        assert found[0]["blockedBy"] == holder.info.backend_pid
        holder.rollback()
        waiting.join()
    assert found[0]["blockerStatement"] == "SELECT pg_advisory_xact_lock(…)"


def test_it_cannot_write(monkeypatch: pytest.MonkeyPatch) -> None:
    writing = ("A part", "DELETE FROM accounts_user RETURNING id", "")
    monkeypatch.setattr(report_queries, "PARTS", {"writing": writing})
    assert "read-only transaction" in sections()["writing"]["note"]


def test_a_part_that_takes_too_long_is_left_out_and_the_others_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(report, "PATIENCE_MS", 50)
    parts = {"slow": ("Slow", "SELECT pg_sleep(5)", ""), "cache": report_queries.PARTS["cache"]}
    monkeypatch.setattr(report_queries, "PARTS", parts)
    found = sections()
    assert "timeout" in found["slow"]["note"]
    assert found["cache"]["rows"]


@pytest.mark.parametrize(
    ("state", "said"),
    [((False, False), "contrib"), ((True, False), "CREATE EXTENSION")],
)
def test_without_pg_stat_statements_it_is_said_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, state: tuple[bool, bool], said: str
) -> None:
    monkeypatch.setattr(report_queries, "EXTENSION", "SELECT {}, {}".format(*state))
    note = make_report().sections["slowest"].note
    assert said in note
    assert "shared_preload_libraries" in note


def test_a_database_that_is_away_is_said_in_a_sentence() -> None:
    gone = os.environ | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    done = subprocess.run(
        [sys.executable, "manage.py", "db_report"],
        cwd=settings.BASE_DIR, env=gone, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("CommandError: PostgreSQL does not answer: ")
    assert "Traceback" not in done.stderr


def test_numbers_without_sense_are_refused() -> None:
    with pytest.raises(CommandError, match="--limit"):
        run("--limit", "0")


@pytest.fixture
def statistics_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A private server from the system's packages, which have the extension."""
    if not list(Path("/usr/lib/postgresql").glob("*/lib/pg_stat_statements.so")):
        pytest.skip("PostgreSQL's packages are not installed on this system")
    monkeypatch.setattr(binaries, "_POSTGRES_WHEEL", "no_such_package")
    with EmbeddedServers(temporary=True, redis_url="redis://127.0.0.1:1") as servers:
        yield servers.database_url


def test_a_private_server_counts_statements_where_its_binaries_can(statistics_url: str) -> None:
    with psycopg.connect(statistics_url, autocommit=True) as asking:
        asking.execute("SELECT pg_sleep(0.2), 'a-secret-value'")
    here = os.environ | {"DATABASE_URL": statistics_url}
    text = subprocess.check_output(
        [sys.executable, "manage.py", "db_report", "--json"],
        cwd=settings.BASE_DIR, env=here, text=True, timeout=60,
    )  # fmt: skip
    slowest = json.loads(text)["sections"]["slowest"]
    assert slowest["note"] == ""
    first = slowest["rows"][0]
    assert first["statement"].startswith("SELECT pg_sleep($1)")
    assert first["totalMs"] >= 200
    assert "a-secret-value" not in text
