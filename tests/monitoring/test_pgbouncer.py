"""The product over a real PgBouncer: in transaction mode each one may get another server."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from django.db import connection, connections

from accounts.models import User
from config.connections import django_database
from monitoring.embedded.account import servers_account
from monitoring.postgresql.async_pool import MeasuredPool
from monitoring.postgresql.base import DatabaseWrapper
from monitoring.postgresql.prepared import fetch_row
from monitoring.postgresql.turns import turn

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(PGBOUNCER is None, reason="there is no pgbouncer on this system"),
]
SERVERS = 2
SETTINGS = """
[databases]
* = host={host} port={port} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {servers}
max_client_conn = 100
"""


@pytest.fixture
def bouncer(unused_tcp_port: int) -> Iterator[str]:
    """The URL of the tests' database by way of it, with fewer servers than clients."""
    where, home = connection.settings_dict, Path(tempfile.mkdtemp(prefix="rp-"))
    home.chmod(0o755)
    file = home / "pgbouncer.ini"
    file.write_text(
        SETTINGS.format(
            host=where["HOST"], port=where["PORT"], user=where["USER"],
            password=where["PASSWORD"], listen=unused_tcp_port, servers=SERVERS,
        )
    )  # fmt: skip
    process = subprocess.Popen(
        [str(PGBOUNCER), "-q", str(file)], cwd="/", stderr=subprocess.DEVNULL,
        **servers_account(home).popen,
    )  # fmt: skip
    url = f"postgresql://{quote(where['USER'])}@127.0.0.1:{unused_tcp_port}/{where['NAME']}"
    _wait_for(url)
    yield url
    process.kill()
    process.wait()
    shutil.rmtree(home)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def over_it(bouncer: str) -> Iterator[DatabaseWrapper]:
    """Django's connection, with its pool, as the settings make it with DATABASE_PGBOUNCER."""
    settings = connection.settings_dict
    options = {"prepare_threshold": 5, "options": "-c lock_timeout=3000"}
    made = django_database(bouncer, options=options, pool_max=8, pgbouncer=True)
    wrapper = DatabaseWrapper({**settings, **made}, alias="default")
    wrapper.inc_thread_sharing()
    before, connections["default"] = connections["default"], wrapper
    yield wrapper
    connections["default"] = before
    wrapper.close()
    wrapper.close_pool()


def ask(wrapper: Any, sql: str, *values: Any) -> Any:
    with wrapper.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def test_statements_that_want_to_be_planned_once_work_on_any_server(
    over_it: DatabaseWrapper,
) -> None:
    """In threads, so that each is given one server and then the other."""
    together = Barrier(6)

    def work(number: int) -> list[int]:
        with closing(over_it.copy()) as mine:
            connections["default"] = mine
            together.wait(20)
            return [fetch_row("SELECT %(n)s + 1", {"n": number + step})[0] for step in range(20)]

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(work, range(6)))
    assert found == [[number + step + 1 for step in range(20)] for number in range(6)]


def test_a_turn_is_given_back_whatever_server_is_asked_next(over_it: DatabaseWrapper) -> None:
    for _ in range(5):
        with turn(4711) as is_ours:
            assert is_ours
            with turn(4711) as is_theirs:
                assert not is_theirs
            assert ask(over_it, "SELECT 1") == [(1,)]
    held = """SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
        WHERE locktype = 'advisory' AND datname = current_database()"""
    assert ask(over_it, held) == [(0,)]


def test_the_zone_of_a_client_comes_along_to_each_server(
    over_it: DatabaseWrapper, bouncer: str
) -> None:
    with psycopg.connect(bouncer) as other:
        other.execute("SET TIME ZONE 'Asia/Tokyo'")
        other.commit()
        assert ask(over_it, "SHOW TimeZone") == [("UTC",)]


def test_what_is_set_for_a_transaction_ends_with_it(over_it: DatabaseWrapper) -> None:
    over_it.set_autocommit(False)
    ask(over_it, "SELECT set_config('statement_timeout', '7s', true)")
    assert ask(over_it, "SHOW statement_timeout") == [("7s",)]
    over_it.rollback()
    assert ask(over_it, "SHOW statement_timeout") != [("7s",)]


def test_an_iterator_needs_no_cursor_that_stays_on_a_server(
    over_it: DatabaseWrapper, bouncer: str
) -> None:
    User.objects.bulk_create(User(username=f"user-{number}") for number in range(30))
    seen = 0
    with psycopg.connect(bouncer) as other:
        for _ in User.objects.iterator(chunk_size=10):
            seen += 1
            other.execute("SELECT 1")  # and keeps the server that was used last
    assert seen == 30


async def test_the_pools_of_the_event_loop_prepare_nothing_there(bouncer: str) -> None:
    options = {"options": "-c statement_timeout=5000", "autocommit": True}
    async with MeasuredPool(
        bouncer, name="tests", pgbouncer=True, open=False, min_size=1, max_size=4, kwargs=options
    ) as pool:
        for number in range(20):
            async with pool.connection() as one, pool.connection() as two:
                for connected in (one, two, one):
                    cursor = await connected.execute("SELECT %s + 1", [number], prepare=True)
                    assert await cursor.fetchone() == (number + 1,)
                async with one.pipeline(), one.transaction():
                    await one.execute("SELECT %s::int", [number], prepare=True)
                    await one.execute("SELECT %s::text", ["a"], prepare=True)
