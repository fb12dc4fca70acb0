"""One connection for one command at a time: an answer is never taken for another one's."""

import pytest
from django.conf import settings

from monitoring.redis_clients import AWAY
from monitoring.responses.connection import KeptConnection


async def test_a_late_answer_is_not_that_of_the_next_command() -> None:
    connection = KeptConnection(settings.CACHE_URL, timeout=0.3)
    await connection.ask("SET", "kept", "found")
    with pytest.raises(TimeoutError):
        await connection.ask("BLPOP", "nothing comes here", "0.35")

    assert await connection.ask("GET", "kept") == b"found"
    await connection.close()


async def test_a_closed_port_is_an_outage_at_once(unused_tcp_port: int) -> None:
    connection = KeptConnection(f"redis://127.0.0.1:{unused_tcp_port}/0", timeout=5)
    with pytest.raises(AWAY):
        await connection.ask("PING")
