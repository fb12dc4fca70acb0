"""What rooms ask of PostgreSQL, and what they say when it refuses."""

import os

import pytest
from psycopg.conninfo import make_conninfo

from realtime.socket.frames import Refusal
from realtime.socket.store import Store


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
