"""One connection to Redis that is kept, for one command at a time. Imports no Django.

A client of redis-py takes a connection from its pool, wraps it in retries and time-outs and gives
it back: for the one question of every kept answer, that cost as much CPU as the answer.
"""

import asyncio
from typing import Any

from redis.asyncio.connection import AbstractConnection

from monitoring.redis_clients import asynchronous


class KeptConnection:
    """Opened by the first command, and anew by the first after a failure: redis-py closes it then,
    also when a command was given up, so no late answer is taken for that of the next one."""

    def __init__(self, redis_url: str, *, timeout: float) -> None:
        pool = asynchronous(redis_url, timeout=None).connection_pool
        self._connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
        self._timeout = timeout

    async def ask(self, *command: str) -> Any:
        """The answer; one of `redis_clients.AWAY` within the time-out, opening included."""
        async with asyncio.timeout(self._timeout):
            await self._connection.send_command(*command)
            return await self._connection.read_response()

    async def close(self) -> None:
        await self._connection.disconnect(nowait=True)
