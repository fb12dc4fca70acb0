"""What rooms ask of PostgreSQL, and what they say when it refuses."""

import os
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from realtime.socket.frames import Refusal
from realtime.socket.store import Store
from realtime.socket.stream import EventStream


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
