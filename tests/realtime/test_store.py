"""What rooms ask of PostgreSQL, and what they say when it refuses."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from realtime.socket import store as stores
from realtime.socket.frames import Refusal
from realtime.socket.rates import Rates
from realtime.socket.store import Store
from realtime.socket.stream import EventStream
from tests.gate import Gate


@pytest.fixture
def gate() -> Any:
    parts = conninfo_to_dict(os.environ["DATABASE_URL"])
    made = Gate(str(parts.get("host", "127.0.0.1")), str(parts.get("port", 5432)))
    yield made
    made.shut()


@pytest.fixture
async def store(gate: Gate) -> AsyncIterator[Store]:
    url = make_conninfo(os.environ["DATABASE_URL"], host="127.0.0.1", port=gate.port)
    made = Store(url)
    await made.open()
    yield made
    await made.close()


async def test_who_asks_after_a_restart_of_postgresql_is_answered(store: Store, gate: Gate) -> None:
    """Every connection has to be found dead, and nobody has to hear of it."""
    await asyncio.gather(*(store.row("SELECT pg_sleep(0.05)", {}) for _ in range(4)))
    gate.break_connections()
    found = await asyncio.gather(*(store.row("SELECT 1", {}) for _ in range(4)))
    assert found == [(1,)] * 4


async def test_a_silent_postgresql_is_hung_up_on(
    store: Store, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "SILENT_AFTER", 0.2)
    assert await store.row("SELECT 1", {}) == (1,)
    gate.freeze()
    began = time.monotonic()
    with pytest.raises(Refusal) as refused:
        await store.row("SELECT 2", {})
    assert refused.value.code == "unavailable"
    assert time.monotonic() - began < 2
    gate.thaw()
    assert await store.row("SELECT 3", {}) == (3,)


async def test_what_maintenance_locks_out_is_refused_and_no_fault() -> None:
    """Behind PgBouncer connections cannot say that the lock is not for them."""
    url, locked = os.environ["DATABASE_URL"], "-c default_transaction_read_only=on"
    store = Store(make_conninfo(url, options=locked), pgbouncer=True)
    await store.open()
    try:
        with pytest.raises(Refusal) as refused:
            await store.row("CREATE TABLE x ()", {})
    finally:
        await store.close()
    assert refused.value.code == "maintenance"


@pytest.mark.parametrize("code", ["maintenance", "unavailable"])
async def test_what_passes_by_itself_is_no_matter_of_who_listens(code: str) -> None:
    class Rooms:
        rates = Rates()

        async def identify(self, _: str) -> None:
            raise Refusal(code, "Later.")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asked = {
        "type": "http", "method": "GET", "path": "/api/rooms/lobby/events", "query_string": b"",
        "headers": [(b"authorization", b"Bearer x")],
    }  # fmt: skip
    await EventStream(None, Rooms())(asked, None, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 503
    assert b"www-authenticate" not in dict(sent[0]["headers"])
